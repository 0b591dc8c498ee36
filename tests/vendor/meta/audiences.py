"""Custom audiences: made, filled, emptied, replaced."""

from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.customaudience import CustomAudience

from .steps import refused, same, step

EMAIL = CustomAudience.Schema.email_hash
KEYS = CustomAudience.Schema.MultiKeySchema


def audiences(sandbox):
    """All steps about audiences."""

    def made():
        params = {"name": "VIP", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY", "description": "buyers"}
        return AdAccount(sandbox.summary["ad_account"]).create_custom_audience(params=params)

    audience = CustomAudience(step("audiences: made", made)["id"])

    def members():
        return sandbox.members(audience["id"])

    def told(answer, received, invalid=0):
        body = answer.json() if hasattr(answer, "json") else answer.export_all_data()
        same((body["num_received"], body["num_invalid_entries"]), (received, invalid), "received and invalid")
        same(str(body["audience_id"]), audience["id"], "the audience")

    def added():
        told(audience.add_users(EMAIL, ["a@example.com", "b@example.com", "c@example.com"]), 3)
        told(audience.add_users([KEYS.email, KEYS.phone, KEYS.extern_id], [["d@example.com", "16505551212", "c7"]], is_raw=True), 1)
        same([len(row) for row in members()], [1, 1, 1, 3], "cells of each member")

    def invalid():
        told(audience.add_users(EMAIL, ["not a hash", "e" * 64], pre_hashed=True), 2, invalid=1)
        same(len(members()), 5, "members")

    def removed():
        # The SDK puts what goes into the query string.
        told(audience.remove_users(EMAIL, ["a@example.com", "nobody@example.com"]), 2)
        told(audience.remove_users([KEYS.extern_id], [["c7"]], is_raw=True), 1)
        same(len(members()), 3, "members")

    def batch(session_id, batch_seq, last, rows):
        session = {"session_id": session_id, "batch_seq": batch_seq, "last_batch_flag": last}
        payload = {"schema": ["EMAIL"], "data": [[row] for row in rows]}
        return lambda: audience.create_users_replace(params={"payload": payload, "session": session})

    def replaced():
        hashes = [f"{turn:064x}" for turn in range(5)]
        refused(batch(7, 2, False, hashes), 2650, 1870147)
        told(batch(7, 1, False, hashes[:3])(), 3)
        same(len(members()), 3, "members before the last batch")
        refused(batch(8, 1, False, hashes), 2650, 1870145)
        refused(lambda: audience.add_users(EMAIL, ["f@example.com"]), 2650, 1870145)
        told(batch(7, 2, True, hashes[3:])(), 2)
        same([row["EMAIL"] for row in members()], hashes, "members")
        refused(batch(7, 3, True, hashes), 2650, 1870159)

    def late():
        told(batch(9, 1, False, ["f" * 64])(), 1)
        sandbox.ask("POST", "/clock", {"advance_ms": 91 * 60_000})
        refused(batch(9, 2, True, ["f" * 64]), 2650, 1870158)
        sandbox.ask("POST", "/clock", {"advance_ms": -91 * 60_000})
        same(len(members()), 5, "members")

    def too_many():
        refused(lambda: audience.add_users(EMAIL, ["0" * 64] * 10_001, pre_hashed=True), 100)
        told(audience.add_users(EMAIL, ["0" * 64] * 10_000, pre_hashed=True), 10_000)

    def terms():
        sandbox.ask("PUT", "/quirks", {"audience_terms_open": True})
        refused(lambda: audience.add_users(EMAIL, ["g@example.com"]), 200, 1870034)
        refused(made, 200, 1870034)
        sandbox.ask("PUT", "/quirks", {})

    def one_is_throttled():
        sandbox.ask("PUT", f"/faults/{audience['id']}", {"code": 80003, "regain_access_min": 2})
        refused(lambda: audience.add_users(EMAIL, ["h@example.com"]), 80003, transient=True)
        other = CustomAudience(sandbox.summary["audience"])
        same(other.add_users(EMAIL, ["h@example.com"]).json()["num_received"], 1, "received by the other one")
        sandbox.ask("PUT", f"/faults/{audience['id']}")

    step("audiences: people are added", added)
    step("audiences: cells that are no hashes are counted", invalid)
    step("audiences: people are removed", removed)
    step("audiences: replaced in a session", replaced)
    step("audiences: a session ends after 90 minutes", late)
    step("audiences: at most 10,000 a request", too_many)
    step("audiences: the terms", terms)
    step("audiences: one is throttled and another is not", one_is_throttled)
    gone = CustomAudience("42")
    step("audiences: no such audience", lambda: refused(lambda: gone.add_users(EMAIL, ["i@example.com"]), 100, 33))
