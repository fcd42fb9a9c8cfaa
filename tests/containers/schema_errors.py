"""Reads [[version, object], ...] from standard input; writes what `kubernetes-validate --strict`
finds wrong with each: a sentence, or null. In its schemas no object takes an unknown field."""

import functools
import json
import sys

from kubernetes_validate import utils

# Else each object would read a megabyte of definitions again.
utils.schema_contents = functools.cache(utils.schema_contents)


def error(version, made):
    try:
        utils.validate(made, version, strict=True)
    except (utils.ValidationError, utils.SchemaNotFoundError) as error:
        return error.message
    return None


print(json.dumps([error(version, made) for version, made in json.load(sys.stdin)]))
