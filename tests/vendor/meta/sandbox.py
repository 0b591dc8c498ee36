"""A running sandbox, found by its control door, and the SDK pointed at it."""

import json
from urllib.request import ProxyHandler, Request, build_opener

from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

# Whatever proxy the machine has: the sandbox is on the machine itself.
OPENER = build_opener(ProxyHandler({}))


class Sandbox:
    """The sandbox whose control door this is; `summary` holds its addresses, ids and tokens."""

    def __init__(self, control):
        self.control = control
        self.summary = self.ask("GET", "/")
        # The one place where the SDK keeps the address.
        FacebookSession.GRAPH = self.summary["ads"]

    def ask(self, method, path, body=None):
        """Asks the control door."""
        data = None if method == "GET" else json.dumps(body).encode()
        with OPENER.open(Request(self.control + path, data=data, method=method)) as answer:
            return json.load(answer)

    def client(self, token=None, secret=None, version=None):
        """Makes the SDK's default client; without its crash reporter, which would tell Meta of a failed test."""
        api = FacebookAdsApi.init(
            app_id="1" if secret else None,
            app_secret=secret,
            access_token=token or self.summary["ads_token"],
            api_version=version,
            crash_log=False,
        )
        api._session.requests.trust_env = False
        return api

    def accepted(self, after=0):
        """The events that were accepted, without the first `after`."""
        return self.ask("GET", f"/accepted?after={after}")["events"]

    def members(self, audience):
        """The people an audience holds, each by key."""
        return self.ask("GET", f"/audiences/{audience}/members")["members"]

    def meets(self, fault):
        """What the ad platform does wrong from now on; none: nothing."""
        self.ask("POST", "/faults", {"ads": fault} if fault else {})
