"""Prints the template given as SAM translates it, as JSON."""

import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoPolicies:
    """There are no managed policies to look up."""

    def load(self):
        return {}


with open(sys.argv[1]) as file:
    template = yaml_parse(file)
template["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://bucket/code"  # as sam package leaves it
json.dump(transform(template, {}, NoPolicies()), sys.stdout)
