// Signs requests by the signer of the AWS SDK for JavaScript: node signing.mjs URL KEY_ID_AND_SECRET.
//
// Random requests, in JSON and CBOR, which must be let in, and each with one thing changed, which must not. Then clients with wrong
// keys and wrong clocks, which must read why, or find the time.
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { request as send } from "node:http";
import { readFileSync } from "node:fs";
import { Kinesis } from "@aws-sdk/client-kinesis";
import { SignatureV4 } from "@smithy/signature-v4";

const TEXT = "aZ09-._~ !\"'()*+,/:;<=>@[]{}|";
const FORMATS = [["application/x-amz-json-1.1", Buffer.from("{}")], ["application/x-amz-cbor-1.1", Buffer.from([0xa0])]];
const [url, key] = process.argv.slice(2);
const { hostname, port, host } = new URL(url);

const int = (most) => Math.floor(Math.random() * (most + 1));
const pick = (all) => all[int(all.length - 1)];
const text = (most) => Array.from({ length: int(most) }, () => pick([...TEXT])).join("");
const encode = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());

class Sha256 {
  constructor(secret) {
    this.hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret);
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return new Uint8Array(this.hash.digest());
  }
}

// The clock of this process is wrong by so many milliseconds.
let wrong = 0;
globalThis.Date = class extends Date {
  constructor(...at) {
    at.length > 0 ? super(...at) : super(globalThis.Date.now());
  }
  static now() {
    return super.now() + wrong;
  }
};

// draw returns a request for the names of streams, that is not signed yet.
function draw() {
  const [contentType, body] = pick(FORMATS);
  const headers = { host, "content-type": contentType, "x-amz-target": "Kinesis_20131202.ListStreams", "user-agent": "x" + text(9) };
  for (const name of ["accept", "cookie", "range", "x-amz-extra", "amz-sdk-request", "x-forwarded-for"]) {
    if (int(1)) headers[name] = `${text(6)} ${text(6)}  ${text(6)}`.trim() || "x";
  }
  if (int(1)) headers["content-length"] = `${body.length}`;
  const path = Array.from({ length: int(3) }, () => "/" + encode("x" + text(4))).join("") || "/";
  const query = {};
  for (let i = int(3); i > 0; i--) query[`q${i}`] = text(6);
  return { method: "POST", protocol: "http:", hostname, port: Number(port), path, query, headers, body };
}

// exchange sends a request and returns the status and body of its answer.
function exchange({ method, path, query, headers, body }) {
  const parameters = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  const target = path + (parameters.length > 0 ? "?" + parameters.join("&") : "");
  return new Promise((resolve, reject) => {
    const outgoing = send({ hostname, port, method, path: target, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve([answer.statusCode, Buffer.concat(chunks).toString("latin1")]));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function tamper(signed) {
  const request = { ...signed, headers: { ...signed.headers }, query: { ...signed.query } };
  const what = pick(["body", "path", "query", "header", "more", "target", "signature"]);
  const { authorization } = request.headers;
  if (what === "body") {
    request.body = Buffer.concat([request.body, Buffer.from(" ")]);
    delete request.headers["content-length"];
  } else if (what === "path") request.path += "x";
  else if (what === "query") request.query.more = "1";
  else if (what === "header") request.headers["content-type"] = "application/json";
  else if (what === "more") request.headers["x-amz-more"] = "1";
  else if (what === "target") request.headers["x-amz-target"] = "Kinesis_20131202.DescribeLimits";
  else request.headers.authorization = authorization.slice(0, -1) + (authorization.endsWith("0") ? "1" : "0");
  return [what, request];
}

const credentials = { accessKeyId: key, secretAccessKey: key };
const connect = (more) => new Kinesis({ endpoint: url, region: "us-east-1", credentials, maxAttempts: 1, ...more });

async function refused(code, message, more) {
  const client = connect(more);
  await assert.rejects(client.listStreams({}), (e) => {
    assert.equal(`${e.$metadata?.httpStatusCode} ${e.name}`, `403 ${code}`, e);
    assert.ok(e.message.includes(message), `${e}`);
    return true;
  });
  client.destroy();
}

const signer = new SignatureV4({ service: "kinesis", region: "us-east-1", credentials, sha256: Sha256 });
for (let i = 0; i < 200; i++) {
  const signed = await signer.sign(draw());
  const told = JSON.stringify(signed);
  const [status, body] = await exchange(signed);
  assert.equal(status, 200, `${body} for ${told}`);
  const [what, request] = tamper(signed);
  const [refusal, why] = await exchange(request);
  assert.ok(refusal === 403 && why.includes("InvalidSignatureException"), `${what}: ${refusal} ${why} for ${told}`);
}
await refused("InvalidSignatureException", "does not match the signature you provided", { credentials: { ...credentials, secretAccessKey: "guess" } });
await refused("UnrecognizedClientException", "The security token included in the request is invalid.", { credentials: { ...credentials, accessKeyId: "AKIDEXAMPLE" } });
await refused("UnrecognizedClientException", "no session tokens", { credentials: { ...credentials, sessionToken: "token" } });
await refused("InvalidSignatureException", "This endpoint is in 'us-east-1'", { region: "eu-west-1" });
for (const [offset, text] of [[-3600_000, "Signature expired: "], [3600_000, "Signature not yet current: "]]) {
  wrong = offset;
  await refused("InvalidSignatureException", text);
  const client = connect({ maxAttempts: 3 });
  assert.deepEqual((await client.listStreams({})).StreamNames, []); // the SDK has read the time off the refusal
  client.destroy();
}
wrong = 0;
const { version } = JSON.parse(readFileSync(new URL("node_modules/@smithy/signature-v4/package.json", import.meta.url)));
console.log(`signature-v4 ${version}`);
