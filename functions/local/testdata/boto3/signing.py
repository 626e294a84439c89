"""Signs requests by botocore: python3 signing.py URL KEY_ID_AND_SECRET.

Random requests, in JSON and CBOR, which must be let in, and each with one thing changed, which must not. Then a client
with wrong keys, which must read why.
"""

import random
import sys
import urllib.parse

import boto3
import botocore
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

FORMATS = {"application/x-amz-json-1.1": b"{}", "application/x-amz-cbor-1.1": b"\xa0"}
TEXT = "aZ09-._~ !\"'()*+,/:;<=>@[]{}|"
url, key = sys.argv[1:]
http = URLLib3Session()


def text(most):
    return "".join(random.choices(TEXT, k=random.randint(0, most)))


def draw():
    """Returns a request for the names of streams, that is not signed yet."""
    content_type, body = random.choice(list(FORMATS.items()))
    path = "".join("/x" + urllib.parse.quote(text(4), safe="~") for _ in range(random.randint(0, 3))) or "/"
    query = "&".join(f"q{i}={urllib.parse.quote(text(6), safe='~')}" for i in range(random.randint(0, 3)))
    headers = {"Content-Type": content_type, "X-Amz-Target": "Kinesis_20131202.ListStreams", "User-Agent": text(9) + "x"}
    for name in random.sample(["Accept", "Cookie", "Range", "X-Amz-Extra", "amz-sdk-request", "X-Forwarded-For"], random.randint(0, 6)):
        headers[name] = " ".join(text(6) for _ in range(3)).strip() or "x"
    request = AWSRequest("POST", url + path + ("?" + query if query else ""), headers, body)
    if random.random() < 0.5:
        request.headers["Content-Length"] = str(len(body))
    return request


def send(request):
    answer = http.send(request.prepare())
    return answer.status_code, answer.content


def tamper(request):
    what = random.choice(["body", "path", "query", "header", "more", "target", "signature"])
    if what == "body":
        request.data += b" "
        del request.headers["Content-Length"]
    elif what == "path":
        start, mark, query = request.url.partition("?")
        request.url = start + "x" + mark + query
    elif what == "query":
        request.url += ("&" if "?" in request.url else "?") + "more=1"
    elif what == "header":
        request.headers.replace_header("Content-Type", "application/json")
    elif what == "more":
        request.headers["X-Amz-More"] = "1"
    elif what == "target":
        request.headers.replace_header("X-Amz-Target", "Kinesis_20131202.DescribeLimits")
    else:
        signature = request.headers["Authorization"]
        request.headers.replace_header("Authorization", signature[:-1] + ("1" if signature[-1] == "0" else "0"))
    return what


def refused(code, text, **credentials):
    client = boto3.client("kinesis", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}), **credentials)
    try:
        client.list_streams()
    except ClientError as e:
        error, status = e.response["Error"], e.response["ResponseMetadata"]["HTTPStatusCode"]
        assert (error["Code"], status) == (code, 403) and text in error["Message"], f"{status} {e}"
        return
    raise AssertionError(f"{credentials} were let in")


def main():
    signer = SigV4Auth(Credentials(key, key), "kinesis", "us-east-1")
    seed = random.randrange(1 << 32)
    random.seed(seed)
    for i in range(60):
        request = draw()
        signer.add_auth(request)
        status, body = send(request)
        assert status == 200, f"seed {seed}, {i}: {status} {body} for {request.url} {request.headers}"
        what = tamper(request)
        status, body = send(request)
        assert status == 403 and b"InvalidSignatureException" in body, f"seed {seed}, {i}, {what}: {status} {body} for {request.url} {request.headers}"
    good = {"aws_access_key_id": key, "aws_secret_access_key": key}
    refused("InvalidSignatureException", "does not match the signature you provided", **(good | {"aws_secret_access_key": "guess"}))
    refused("UnrecognizedClientException", "The security token included in the request is invalid.", **(good | {"aws_access_key_id": "AKIDEXAMPLE"}))
    refused("UnrecognizedClientException", "no session tokens", aws_session_token="token", **good)
    refused("InvalidSignatureException", "This endpoint is in 'us-east-1'", region_name="eu-west-1", **good)
    print(f"botocore {botocore.__version__}")


main()
