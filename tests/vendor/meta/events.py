"""Conversion events: one, many, asynchronous, repeated; and every kind of refusal."""

import asyncio
import time

from facebook_business.adobjects.adspixel import AdsPixel
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.event_request_async import EventRequestAsync
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.api import FacebookAdsApi

from .steps import refused, same, step

# Of john_smith@gmail.com, from Meta's own guide.
EMAIL = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"


def event(event_id, name="Lead", age_s=60, **fields):
    """An event of the last minutes."""
    fields.setdefault("user_data", UserData(emails=["John_Smith@gmail.com"], lead_id="1234567890123456"))
    return Event(
        event_name=name,
        event_time=int(time.time()) - age_s,
        event_id=event_id,
        action_source=ActionSource.SYSTEM_GENERATED,
        **fields,
    )


def events(sandbox):
    """All steps about events."""
    dataset = sandbox.summary["dataset"]

    def send(*sent, to=dataset, kind=EventRequest):
        return kind(pixel_id=to, events=list(sent))

    def received(request, count):
        answer = request.execute()
        same((answer.events_received, answer.messages), (count, []), "events received and messages")
        if not answer.fbtrace_id:
            raise AssertionError("no trace id")

    def one():
        received(send(event("e1", custom_data=CustomData(value=12.5, currency="EUR"))), 1)
        told = sandbox.accepted()[0]["event"]
        same(told["user_data"]["em"], [EMAIL], "the hashed address")
        same((told["event_id"], told["custom_data"]["currency"]), ("e1", "eur"), "the event")

    def many():
        received(send(*(event(f"many-{turn}") for turn in range(1_000))), 1_000)
        same(len(sandbox.accepted()), 1_001, "events in all")

    def asynchronous():
        answer = asyncio.run(send(event("async-1"), event("async-2"), kind=EventRequestAsync).execute())
        same((answer.events_received, answer.messages), (2, []), "events received and messages")

    def again():
        received(send(event("e1")), 1)
        repeated = sandbox.ask("GET", "/repeats")["repeated"]
        same([(row["event_id"], row["times"]) for row in repeated], [("e1", 2)], "repeats")

    def together():
        calls, answers = FacebookAdsApi.get_default_api().new_batch(), []
        for sent in (event("together-1"), event("together-2", age_s=8 * 86_400), event("together-3")):
            AdsPixel(dataset).create_event(
                params=send(sent).get_params(),
                batch=calls,
                success=lambda answer: answers.append(answer.json()["events_received"]),
                failure=lambda answer: answers.append(answer.error().api_error_subcode()),
            )
        same(calls.execute(), None, "calls that are to be sent again")
        same(answers, [1, 2804003, 1], "the answers")

    step("events: one", one)
    step("events: a thousand in a request", many)
    step("events: asynchronously", asynchronous)
    step("events: calls in a batch, one of them bad", together)
    step("events: a repeat is counted", again)

    nobody = UserData(country_code="us")
    purchase = {"name": "Purchase", "custom_data": CustomData(currency="usd")}
    for subcode, what, bad in [
        (2804003, "8 days old", event("old", age_s=8 * 86_400)),
        (2804004, "in the future", event("early", age_s=-3_600)),
        (2804050, "of nobody", event("nobody", user_data=nobody)),
        (2804036, "of no lead", event("lead", user_data=UserData(email="a@example.com", lead_id="12"))),
        (2804009, "a purchase without value", event("bought", **purchase)),
    ]:
        before = len(sandbox.accepted())
        step(f"refusals: {what}", lambda: refused(send(event("good"), bad).execute, 100, subcode))
        step("refusals: nothing of it was taken", lambda: same(len(sandbox.accepted()), before, "events"))

    step("refusals: 1,001 events", lambda: refused(send(*(event(str(n)) for n in range(1_001))).execute, 100))
    step("refusals: no such dataset", lambda: refused(send(event("x"), to="42").execute, 100, 33))


def weather(sandbox):
    """What the platform's bad days look like to the SDK."""
    request = EventRequest(pixel_id=sandbox.summary["dataset"], events=[event("w")])

    def told(fault, *arguments, **keywords):
        sandbox.meets(fault)
        try:
            return refused(request.execute, *arguments, **keywords)
        finally:
            sandbox.meets(None)

    def throttled(code):
        error = told({"code": code, "regain_access_min": 5}, code, transient=True)
        same("x-business-use-case-usage" in error.http_headers(), True, "a usage header")

    def session_over():
        told({"code": 190, "subcode": 463, "status": 401}, 190, 463, status=401)

    def only_the_platform_knows():
        error = told({"reject_event_ids": ["w"]}, 100, 2804036)
        same(error.body()["error"]["error_user_title"], "Invalid Lead ID", "the title")

    def nothing():
        sandbox.meets({"empty": True})
        error = raised(request.execute)
        sandbox.meets(None)
        same((error.http_status(), error.api_error_code(), error.api_transient_error()), (502, None, False), "status and code")

    def page():
        # The SDK takes a page for a good answer and trips over it: what matters is that nobody is told of received events.
        sandbox.meets({"html": True})
        error = raised(request.execute)
        sandbox.meets(None)
        same(isinstance(error, TypeError), True, f"{error!r}")

    for code in (4, 17, 613, 80004):
        step(f"weather: throttled with {code}", lambda: throttled(code))
    step("weather: service unavailable", lambda: told({"code": 2, "status": 503}, 2, status=503, transient=True))
    step("weather: the session is over", session_over)
    step("weather: an event that only the platform knows to be bad", only_the_platform_knows)
    step("weather: a page", page)
    step("weather: nothing at all", nothing)


def raised(call):
    """What a call raises that must not end well."""
    try:
        answer = call()
    except Exception as error:
        return error
    raise AssertionError(f"an error was wanted, and this came: {answer!r}")


def credentials(sandbox):
    """The token, and the proof of the app's secret."""
    token, secret = sandbox.summary["ads_token"], sandbox.summary["ads_app_secret"]

    def send():
        return EventRequest(pixel_id=sandbox.summary["dataset"], events=[event("c")]).execute()

    def with_client(run, **client):
        sandbox.client(**client)
        try:
            return run()
        finally:
            sandbox.client()

    def needed():
        sandbox.ask("PUT", "/quirks", {"proof_required": True})
        refused(send, 104)
        with_client(send, token=token, secret=secret)
        sandbox.ask("PUT", "/quirks", {})

    step("credentials: with a proof", lambda: with_client(send, token=token, secret=secret))
    step("credentials: a wrong proof", lambda: with_client(lambda: refused(send, 104), token=token, secret="other"))
    step("credentials: a proof that is needed", needed)
    newest = {"token": "EAAwrong", "version": "v26.0"}
    step("credentials: a wrong token", lambda: with_client(lambda: refused(send, 190, status=401), **newest))
    older = {**newest, "version": "v25.0"}
    step("credentials: a wrong token, a version before", lambda: with_client(lambda: refused(send, 190), **older))
