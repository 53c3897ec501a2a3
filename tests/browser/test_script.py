"""What the console's script does beyond the page that the server sends."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from typing import Any

import pytest

from tests.browser.conftest import expect
from tests.support.images import photo
from tests.support.pipeline import Pipeline, Run


class Held:
    """Requests of a page that are kept until they may go on."""

    def __init__(self, page: Any, address: str) -> None:
        self._kept: list[Any] = []
        self._free = False
        page.route(address, self._take)

    def _take(self, route: Any) -> None:
        if self._free:
            route.continue_()
        else:
            self._kept.append(route)

    def let_go(self) -> None:
        self._free = True
        for route in self._kept:
            route.continue_()


THEME = "() => document.documentElement.dataset.theme"


@pytest.fixture(scope="module")
def ready(deployed: Pipeline) -> Run:
    """An execution whose Resize had to be tried again once."""
    deployed.settle()  # an execution of another test's would take the fault
    deployed.fail("Resize", "StorageError", times=1)
    return deployed.upload(photo(), "ready.jpg")


def test_the_theme_is_switched_and_kept(page: Any) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    switch = page.locator("[data-theme-switch]")
    switch.click()
    assert page.evaluate(THEME) == "light"
    switch.click()
    assert page.evaluate(THEME) == "dark"
    switch.click()
    page.goto("/inbox")
    assert page.evaluate(THEME) == "light"


def test_files_are_dropped_and_each_says_what_became_of_it(page: Any) -> None:
    refusal = {"status": 413, "body": json.dumps({"message": "It is too large."})}
    page.route("**/uploads?name=large*", lambda route: route.fulfill(**refusal))
    busy = {"status": 500, "body": json.dumps({"message": "It is busy."})}
    page.route("**/uploads?name=second*", lambda route: route.fulfill(**busy), times=1)
    page.goto("/")
    drag = """(kind) => {
      const carried = new DataTransfer();
      for (const name of ["first\\u200b.jpg", "large.jpg", "second.jpg"])
        carried.items.add(new File([Uint8Array.from(window.given)], name));
      dispatchEvent(new DragEvent(kind, { dataTransfer: carried, cancelable: true }));
    }"""
    page.evaluate("bytes => { window.given = bytes }", list(photo(64, 64)))
    page.evaluate(drag, "dragenter")
    assert page.locator("body.dropping").count() == 1
    page.evaluate(drag, "dragleave")
    assert page.locator("body.dropping").count() == 0
    page.evaluate(drag, "dragenter")
    page.evaluate(drag, "dragover")
    page.evaluate(drag, "drop")
    assert page.locator("body.dropping").count() == 0
    page.evaluate(drag, "dragenter")
    page.evaluate(drag, "dragleave")
    assert page.locator("body.dropping").count() == 0
    lines = page.locator("[data-uploads] li")
    first, large, second = (lines.nth(n) for n in range(3))
    expect(first).to_have_text(r"first\u200b.jpg: uploaded Open its execution", use_inner_text=True)
    expect(large).to_have_text("large.jpg: It is too large.")
    expect(large).to_have_class("bad")
    expect(second).to_have_text(re.compile("^second.jpg: It is busy."))
    second.get_by_role("button", name="Send again").click()  # what helps only here
    expect(second).to_have_class("good")
    link = first.get_by_role("link", name="Open its execution")
    expect(link).to_have_attribute("href", re.compile("^/executions/"))


def test_files_are_sent_four_at_a_time_and_no_link_leaves_meanwhile(page: Any, ready: Run) -> None:
    held: list[Any] = []
    page.route("**/uploads?*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    page.goto("/")
    page.locator(f"#x-{ready.name} a").wait_for()
    page.locator("[data-files]").set_input_files(
        [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": b"x"} for n in range(6)]
    )
    expect(page.locator("[data-files]")).to_have_value("")  # the same can be chosen once more
    summary = page.locator("[data-uploads] summary")
    page.locator("[data-uploads] li", has_text="uploading").nth(3).wait_for()
    expect(summary).to_have_text("0 of 6 uploaded, 6 to go")
    expect(page.locator("[data-uploads] li", has_text="waits")).to_have_count(2)
    leaves = """() => dispatchEvent(new Event("beforeunload", { cancelable: true }))"""
    assert not page.evaluate(leaves), "nobody is warned before leaving"
    with page.context.expect_page() as other:
        page.locator(f"#x-{ready.name} a").first.click()
    other.value.wait_for_url(re.compile("/executions/"))
    assert page.url.endswith("/")
    held.pop(0).abort()
    answered = 1
    while answered < 6:
        page.locator("[data-uploads] li", has_text="uploading").first.wait_for()
        if held:
            held.pop(0).fulfill(status=201, body=json.dumps({"key": "k", "page": None}))
            answered += 1
    page.locator("[data-uploads] summary", has_text="5 of 6 uploaded, 1 not").wait_for()
    assert page.evaluate(leaves)
    page.locator("[data-uploads] .bad").get_by_role("button", name="Send again").click()
    page.locator("[data-uploads] summary", has_text="5 of 6 uploaded, 1 to go").wait_for()
    held.pop(0).fulfill(status=201, body=json.dumps({"key": "k", "page": None}))
    page.locator("[data-uploads] summary", has_text=re.compile("^6 of 6 uploaded$")).wait_for()


def test_what_is_done_before_the_script_is_there_counts(page: Any, ready: Run) -> None:
    file = {"name": "early.jpg", "mimeType": "image/jpeg", "buffer": photo(64, 64)}

    def choose_files() -> None:
        page.locator("[data-files]").set_input_files([file, file])

    def write() -> None:
        page.locator("#input").fill("{")

    def check() -> None:
        page.locator(f"#x-{ready.name} input").check()

    for script, path, do, shown, said in (
        ("uploads", "/", choose_files, "[data-uploads] summary", "2 of 2 uploaded"),
        ("console", f"/executions/{ready.name}/rerun", write, ".verdict.bad", ""),
        ("rows", "/?image=ready.jpg", check, "[data-count]", "1 chosen"),
    ):
        address = f"**/static/{script}.js"
        held = Held(page, address)
        with page.expect_request(address):
            page.goto(path, wait_until="commit")
        do()
        held.let_go()
        page.locator(shown, has_text=said).wait_for()


def test_what_is_dragged_without_files_is_left_alone(page: Any) -> None:
    page.goto("/")
    for kind in ("dragenter", "dragover", "dragleave", "drop"):
        taken = page.evaluate(
            "kind => !dispatchEvent(new DragEvent(kind, { cancelable: true }))", kind
        )
        assert not taken
    assert page.locator("body.dropping, [data-uploads] li").count() == 0


def test_stopping_is_asked_about_first(page: Any) -> None:
    page.goto("/inbox")  # the same script on a page that takes a third of the time
    asked: list[str] = []

    def refuse(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    went = page.evaluate("""() => {
      const form = document.createElement("form");
      form.dataset.confirm = "Stop it?";
      document.body.append(form);
      return form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    }""")
    assert not went
    assert asked == ["Stop it?"]


def test_a_stop_has_a_reason(page: Any) -> None:
    page.goto("/inbox")
    answers: list[str | None] = [None, "wrong folder"]

    def answer(dialog: Any) -> None:
        said = answers.pop(0)
        dialog.accept(said) if said else dialog.dismiss()

    page.on("dialog", answer)
    submit = """() => {
      document.querySelector("form[data-why]")?.remove();
      const form = document.createElement("form");
      form.dataset.why = "Say why:";
      form.innerHTML = '<input name="reason" value="none">';
      document.body.append(form);
      form.addEventListener("submit", (event) => event.preventDefault());
      form.requestSubmit();
      return form.elements.reason.value;
    }"""
    assert page.evaluate(submit) == "none"
    assert page.evaluate(submit) == "wrong folder"
    assert answers == []


def test_a_command_is_copied(page: Any, ready: Run) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/executions/{ready.name}")
    button = page.locator("#data [data-copy]").first
    button.click()
    page.locator("[data-toast]", has_text="Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == button.locator("xpath=preceding-sibling::code").inner_text()
    assert copied.startswith("darkroom run s3://")


def test_pictures_that_are_gone_say_so(page: Any, pipeline: Pipeline) -> None:
    run = pipeline.upload(photo(64, 64), "gone.jpg")
    bucket = pipeline.at.output_bucket_name
    for key in pipeline.keys(bucket, json.loads(run.described["input"])["detail"]["object"]["key"]):
        pipeline.at.s3.delete_object(Bucket=bucket, Key=key)
    page.goto(f"/executions/{run.name}")
    lost = page.locator(".gone-frame .gone").first
    lost.wait_for()
    expect(lost).to_contain_text(re.compile("no longer|gone"))


def test_a_picture_that_nobody_answers_for_says_so(page: Any, ready: Run) -> None:
    page.route("**/pictures/**", lambda route: route.abort())
    page.goto(f"/executions/{ready.name}")
    page.locator(".gone-frame .gone", has_text="It cannot be shown.").first.wait_for()


def test_a_list_goes_without_the_thumbnails_that_are_gone(page: Any, ready: Run) -> None:
    page.route("**/pictures/thumbnail", lambda route: route.abort())
    page.goto("/")
    row = page.locator("tr", has_text="ready.jpg").first
    row.scroll_into_view_if_needed()
    row.locator(".thumb img").wait_for(state="detached")


def test_a_log_that_cannot_be_read_says_so(page: Any, ready: Run) -> None:
    answer = json.dumps({"message": "The log group is not there."})
    page.route("**/logs", lambda route: route.fulfill(status=404, body=answer))
    page.goto(f"/executions/{ready.name}")
    page.locator(".node[data-name=MakePdf]").click()
    said = page.locator("#state", has_text="The log could not be read: The log group is not there.")
    said.wait_for()


def test_a_state_that_is_not_found_changes_nothing(page: Any, ready: Run) -> None:
    page.goto(f"/executions/{ready.name}")
    heading = page.locator("#state h2")
    shown = heading.inner_text()  # the state that took longest, whichever that is
    other = "MakePdf" if "MakePdf" not in shown else "BackupOriginal"
    page.route("**/states/*", lambda route: route.fulfill(status=404, body="{}"))
    with page.expect_response(re.compile("/states/")):
        page.locator(f".node[data-name={other}]").click()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert heading.inner_text() == shown


def test_a_retry_is_counted_at_its_state(page: Any, ready: Run) -> None:
    page.goto(f"/executions/{ready.name}")
    node = page.locator(".node[data-name=Resize]")
    node.locator(".badge-retry text", has_text="1").wait_for()
    expect(node).to_have_attribute("aria-label", re.compile("1 retry"))


def test_a_state_chosen_on_a_phone_comes_into_view(phone: Any, ready: Run) -> None:
    phone.goto(f"/executions/{ready.name}")
    phone.locator("#timeline a", has_text="MakePdf").click()
    phone.locator("#state h2", has_text="MakePdf").wait_for()
    phone.wait_for_function(
        "() => { const { top } = document.querySelector('#state').getBoundingClientRect();"
        " return top > -100 && top < innerHeight; }"
    )


def test_a_state_chosen_far_below_comes_into_view(page: Any, ready: Run) -> None:
    page.set_viewport_size({"width": 1280, "height": 400})
    page.goto(f"/executions/{ready.name}")
    link = page.locator("#timeline a", has_text="MakePdf")
    link.scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    link.evaluate("link => link.click()")
    page.locator("#state h2", has_text="MakePdf").wait_for()
    page.wait_for_function(
        "() => document.querySelector('#state').getBoundingClientRect().bottom >= 160"
    )


def test_the_pulse_shows_whether_news_come(page: Any) -> None:
    page.goto("/")
    pulse = page.locator("[data-live]")
    page.locator("[data-live].on").wait_for()
    hide = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    expect(pulse).to_have_class("pulse")  # a hidden page lets go of its connection
    page.evaluate(hide, False)
    page.locator("[data-live].on").wait_for()


def test_a_problem_behind_the_console_is_told(page: Any) -> None:
    event = f"event: problem\ndata: {json.dumps({'message': 'The stack is gone.'})}\n\n"
    headers = {"content-type": "text/event-stream"}
    page.route("**/live**", lambda route: route.fulfill(headers=headers, body=event))
    page.goto("/")
    page.locator("[data-toast]", has_text="The stack is gone.").wait_for()
    page.locator("[data-live].off").wait_for()  # the connection has ended


def test_a_dead_engine_looks_dead_and_takes_nothing_away(alone: Any, ready: Run) -> None:
    page = alone
    page.clock.install()
    page.goto(f"/executions/{ready.name}/rerun")
    editor, banner = page.locator("#input"), page.locator("[data-banner]")
    editor.fill('{"mine": 1}')
    page.route("**/alive", lambda route: route.abort())
    parts = page.get_by_role("navigation", name="This execution")
    parts.get_by_role("link", name="Overview").click()
    page.locator("[data-banner]:not([hidden])", has_text="The console does not answer.").wait_for()
    start = page.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_disabled()
    page.clock.run_for(62_000)
    expect(banner).to_contain_text("What is shown is 1 min")
    assert page.url.endswith("/rerun")
    expect(editor).to_have_value('{"mine": 1}')
    page.unroute("**/alive")
    page.clock.run_for(3_000)
    banner.wait_for(state="hidden")
    expect(start).to_be_enabled()
    page.route("**/alive", lambda route: route.fulfill(status=403))
    page.clock.run_for(3_000)
    page.locator("[data-banner] b", has_text="started anew: open the address").wait_for()
    gone = json.dumps({"message": "The engine does not answer."})
    page.unroute("**/alive")
    page.route("**/alive", lambda route: route.fulfill(status=503, body=gone))
    page.clock.run_for(3_000)
    page.locator("[data-banner] b", has_text="The engine does not answer.").wait_for()


def test_what_runs_is_followed_until_it_has_failed_and_asked_for_once(
    page: Any, pipeline: Pipeline
) -> None:
    gate = threading.Event()
    cause = json.dumps({"errorMessage": "No."})
    pipeline.fail("MakePdf", "InvalidRequest", cause=cause, when=lambda _: gate.wait(120))
    asked: list[str] = []
    streams: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("request", lambda it: it.resource_type == "eventsource" and streams.append(it.url))
    late = Held(page, "**/states/*")
    try:
        page.goto("/")
        file = {"name": "follow.jpg", "mimeType": "image/jpeg", "buffer": photo(64, 64)}
        page.locator("[data-files]").set_input_files(file)
        page.wait_for_url(re.compile("/executions/"))
        page.locator(".node.is-running[data-name=MakePdf]").wait_for()
        late.let_go()
        page.locator("#state h2", has_text="MakePdf").wait_for()
        page.locator("#head [data-since]", has_text=re.compile(r"\d s")).wait_for()
        events = page.context.new_page()
        events.goto(f"{page.url}/events")
        seen = events.locator("#events tbody tr").count()
        listed = page.context.new_page()
        listed.goto("/?image=follow.jpg")
        row = listed.locator("#list tbody tr")
        row.hover()
    finally:
        gate.set()
    page.locator("#head .badge.is-failed").wait_for()
    page.locator("#state h2", has_text="MakePdf").wait_for()
    page.locator("#state .badge.is-failed").wait_for()
    assert "state=" not in page.url, "the address changes only by a click"
    events.locator(".type", has_text="ExecutionFailed").wait_for()
    assert events.locator("#events tbody tr").count() > seen
    row.locator(".badge.is-failed").wait_for()  # under the pointer only new rows wait
    expect(listed.locator("[data-news] button")).to_have_count(0)
    # Entered, at work, ended: a state is asked for when it fares differently, never else.
    states = Counter(url for url in asked if re.search(r"/states/\d+$", url))
    assert max(states.values()) <= 3, states
    page.locator("[data-base]:not([data-stream])").wait_for()
    before = len(streams)
    page.evaluate("""() => document.dispatchEvent(new Event("visibilitychange"))""")
    page.locator(".node[data-name=Prepare]").click()
    page.wait_for_url(re.compile(r"state=\d+$"))
    assert len(streams) == before > 0, "what is over was asked for again"


def test_new_rows_wait_while_the_pointer_is_on_the_list(page: Any, pipeline: Pipeline) -> None:
    pipeline.upload(photo(64, 64), "under-the-pointer.jpg")
    page.goto("/")
    row = page.locator("#list tbody tr").first
    row.wait_for()
    row.hover()
    before = page.eval_on_selector_all("#list tr[id]", "all => all.map(row => row.id)")
    pipeline.upload(photo(65, 64), "comes-later.jpg")
    button = page.locator("[data-news] button")
    button.wait_for()
    expect(button).to_have_text("1 new")
    assert page.eval_on_selector_all("#list tr[id]", "all => all.map(row => row.id)") == before
    button.click()
    page.locator("#list tbody tr", has_text="comes-later.jpg").wait_for()


def test_a_number_of_the_start_page_leads_to_what_it_counts(page: Any, pipeline: Pipeline) -> None:
    pipeline.upload(b"\xff\xd8\xff\xe0no picture", "counted.jpg")
    page.goto("/start")
    page.get_by_role("link", name="CorruptImage, last hour").click()
    page.locator("#list tbody tr", has_text="counted.jpg").wait_for()
    expect(page.locator("#facet-error b")).to_have_text("CorruptImage")
    names = page.locator("#list .error-name").all_inner_texts()
    assert set(names) == {"CorruptImage"}
