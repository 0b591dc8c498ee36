"""Tells the ad platform of every contact that becomes a VIP."""

import re
from hashlib import sha256

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.exports.mapper import Understanding
from wit_world.imports.types import (
    ActionSource, ConversionEvent, Effect_Convert, Hashed, Omission, Problem, Proposal, Skip, SkipCode,
    Trigger_TagsChanged, UserData,
)


def hashed(text):
    """A hash as the contract carries it: eight numbers, so that a raw value has no room."""
    digest = sha256(text.encode()).digest()
    return Hashed(*(int.from_bytes(digest[at:at + 4], "big") for at in range(0, 32, 4)))


def event_id(change, name, ordinal):
    """An event's id depends on the change, the event's name and its place among those of that name, and on nothing else."""
    return sha256(f"{change.id}\0{name}\0{ordinal}\0".encode()).hexdigest()[:32]


def email(raw):
    address = raw.strip().lower()
    return address if re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", address) else None


def phone(raw):
    digits = re.sub(r"[\s().-]", "", raw)
    return digits[1:] if re.fullmatch(r"\+[1-9][0-9]{7,14}", digits) else None


def usable(field, values, rule, reason, omitted):
    """The hashes of what can be used of a field's values. What cannot is named in `omitted`, never shown."""
    given = [raw for raw in values if raw.strip()]
    normal = [value for value in map(rule, given) if value]
    if len(normal) < len(given):
        omitted.append(Omission(field, reason))
    return [hashed(value) for value in dict.fromkeys(normal)]


def vip(change):
    trigger, contact = change.trigger, change.contact
    if not isinstance(trigger, Trigger_TagsChanged) or "vip" not in trigger.value.added:
        return Err(Skip(SkipCode.NO_RULE, None, "the tag `vip` was not added"))
    if contact.consent.do_not_disturb:
        return Err(Skip(SkipCode.NO_CONSENT, "vip", "the contact asked not to be disturbed"))
    omitted = []
    emails = usable("emails", contact.emails, email, "not an e-mail address", omitted)
    phones = usable("phones", contact.phones, phone, "no country code, and no country is known", omitted)
    if not emails and not phones:
        return Err(Skip(SkipCode.NO_IDENTITY, "vip", "neither an e-mail address nor a phone number"))
    user_data = UserData(
        emails=emails, phones=phones, first_names=[], last_names=[], genders=[], dates_of_birth=[], cities=[], states=[],
        postal_codes=[], countries=[], external_ids=[hashed(contact.id.strip())],
        client_ip=None, user_agent=None, fbc=None, fbp=None, lead_id=None,
    )
    event = ConversionEvent(
        id=event_id(change, "Vip", 0), name="Vip", occurred_at=change.occurred_at,
        action_source=ActionSource.SYSTEM_GENERATED, source_url=None, user_data=user_data, value=None, currency=None,
        custom_data=[], limited_data_use=False,
    )
    return Ok([Proposal("vip", Effect_Convert(event), omitted)])


class Mapper(exports.Mapper):
    def configure(self, settings):
        """Settings that nobody reads are a mistake: this mapper takes none."""
        for number, line in enumerate(settings.splitlines(), 1):
            if line.strip():
                hint = "give it an empty file: `--settings /dev/null`"
                raise Err([Problem(number, 1, 1, "this mapper takes no settings", hint)])
        return Understanding(custom_fields=[], remarks=[])

    def translate(self, changes):
        """One answer a change, in order."""
        return [vip(change) for change in changes]
