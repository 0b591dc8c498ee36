"""The default mapping of convey for a new contact, with Meta's own Python SDK: contacts on stdin, one JSON a line, events on stdout.

On stderr, the CPU nanoseconds an item, without the start: all of it, and without reading and writing JSON.
"""

import datetime
import hashlib
import json
import sys
import time

from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.user_data import UserData

CUSTOM = {"event_source": "crm", "lead_event_source": "CRM"}


def event(contact):
    added = datetime.datetime.fromisoformat(contact["dateAdded"].replace("Z", "+00:00"))
    touch = contact.get("attributionSource") or {}
    fbc = touch.get("fbc")
    if not fbc and touch.get("fbclid"):
        fbc = f"fb.1.{int(added.timestamp() * 1000)}.{touch['fbclid']}"
    born = contact.get("dateOfBirth")

    def made(phone):
        user = UserData(
            email=contact.get("email"),
            phone=phone,
            first_name=contact.get("firstName"),
            last_name=contact.get("lastName"),
            date_of_birth=born[:10].replace("-", "") if born else None,
            city=contact.get("city"),
            state=contact.get("state"),
            zip_code=contact.get("postalCode"),
            country_code=contact.get("country"),
            external_id=contact["id"],
            client_ip_address=touch.get("ip"),
            client_user_agent=touch.get("userAgent"),
            fbc=fbc,
            fbp=touch.get("fbp"),
        )
        return Event(
            event_name="Lead",
            event_time=int(added.timestamp()),
            event_id=hashlib.sha256(f"{contact['id']}.Lead.0".encode()).hexdigest()[:32],
            event_source_url=(touch.get("url") or "").split("?")[0] or None,
            action_source=ActionSource.SYSTEM_GENERATED,
            user_data=user,
            custom_data=CustomData(custom_properties=CUSTOM),
        ).normalize()

    try:
        return made(contact.get("phone"))
    except ValueError:
        # The SDK refuses the event for a number it does not like; without the number the event is worth having.
        return made(None)


def main():
    clock = time.process_time_ns
    since, mapped, items = clock(), 0, 0
    for line in sys.stdin:
        contact = json.loads(line)
        begun = clock()
        if contact.get("dnd"):
            answer = {"id": contact["id"], "skip": {"code": "no-consent"}}
        else:
            answer = {"id": contact["id"], "effects": [event(contact)]}
        mapped += clock() - begun
        sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
        items += 1
    sys.stdout.flush()
    print((clock() - since) // items, mapped // items, file=sys.stderr)


main()
