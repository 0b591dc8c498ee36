"""Steps that are named: one line each, and the first that fails ends the program with its name."""

import sys
import traceback

from facebook_business.exceptions import FacebookRequestError


def step(name, run):
    """Runs one step and passes on what it found."""
    try:
        found = run()
    except Exception:
        print(f"wrong {name}\n{traceback.format_exc()}", file=sys.stderr)
        sys.exit(1)
    print(f"ok    {name}")
    return found


def same(found, wanted, what):
    """Both must be the same."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")


def refused(call, code, subcode=None, status=400, transient=False):
    """The error of a call that must fail like this, as the SDK reads it."""
    try:
        answer = call()
    except FacebookRequestError as error:
        found = (error.http_status(), error.api_error_code(), error.api_error_subcode(), error.api_transient_error())
        same(found, (status, code, subcode, transient), "status, code, subcode and whether it is transient")
        same(error.api_error_message(), error.body()["error"]["message"], "the message")
        if not error.body()["error"]["fbtrace_id"].startswith("A"):
            raise AssertionError(f"no trace id: {error.body()}")
        return error
    raise AssertionError(f"{code} was wanted, and this came: {answer!r}")
