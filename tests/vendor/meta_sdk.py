"""Drives a running sandbox with Meta's own Python SDK: `python meta_sdk.py CONTROL_URL`. Nothing here knows how the sandbox is made."""

import sys

from meta.audiences import audiences
from meta.events import credentials, events, weather
from meta.sandbox import Sandbox

sandbox = Sandbox(sys.argv[1])
sandbox.ask("POST", "/reset")
sandbox.client()

events(sandbox)
weather(sandbox)
credentials(sandbox)
audiences(sandbox)
