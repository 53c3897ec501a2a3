"""What an image that succeeds goes through, and leaves behind."""

from __future__ import annotations

import hashlib
import json

from PIL import Image

from tests.support.images import encoded, opened, photo, transparent
from tests.support.pipeline import Pipeline

ONE_OF_EACH = [
    "ClaimImage",
    "Prepare",
    "ResizeImages",
    "Resize",
    "Resize",
    "Resize",
    "Archive",
    "MakePdf",
    "BackupOriginal",
    "RecordResult",
    "NotifySuccess",
]


def test_an_image_takes_eleven_transitions(pipeline: Pipeline) -> None:
    run = pipeline.upload(photo())
    assert run.status == "SUCCEEDED"
    assert sorted(run.states) == sorted(ONE_OF_EACH)
    assert run.states[:3] == ONE_OF_EACH[:3]
    assert run.states[-2:] == ONE_OF_EACH[-2:]
    assert pipeline.waits == []


def test_the_record_the_message_and_the_bucket_agree(pipeline: Pipeline) -> None:
    source = pipeline.put(photo(1600, 1200))
    run = pipeline.run_of(source)
    outputs = pipeline.outputs(source)
    record = pipeline.record(source)
    (message,) = pipeline.messages(run)

    assert set(outputs) == {"small.jpg", "medium.jpg", "large.jpg", "document.pdf"}
    assert record is not None
    assert record["status"] == "COMPLETE"
    assert record["execution"] == run.arn
    assert (record["format"], record["width"], record["height"]) == ("jpeg", 1600, 1200)
    assert "leaseUntil" not in record
    assert message["outcome"] == "COMPLETE"
    for name, side in (("small", 300), ("medium", 600), ("large", 1200)):
        data = outputs[f"{name}.jpg"]
        expected = {
            "key": f"{source['key']}/{name}.jpg",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "width": side,
            "height": side * 3 // 4,
        }
        for told in (record["renditions"], message["renditions"], run.output["renditions"]):
            (rendition,) = [each for each in told if each["name"] == name]
            assert expected.items() <= rendition.items()
        assert opened(data).size == (side, side * 3 // 4)
    assert outputs["document.pdf"].startswith(b"%PDF-")
    assert record["document"].items() <= message["document"].items()
    assert record["document"]["sha256"] == hashlib.sha256(outputs["document.pdf"]).hexdigest()


def test_the_backup_is_the_original(pipeline: Pipeline) -> None:
    data = photo()
    source = pipeline.put(data)
    run = pipeline.run_of(source)
    backup = run.output["backup"]
    copied = pipeline.at.s3.get_object(Bucket=backup["bucket"], Key=backup["key"])["Body"].read()
    assert backup["bucket"] == pipeline.at.backup_bucket_name
    assert copied == data


def test_outputs_tell_what_they_were_made_of(pipeline: Pipeline) -> None:
    source = pipeline.put(photo())
    pipeline.run_of(source)
    head = pipeline.at.s3.head_object(
        Bucket=pipeline.at.output_bucket_name, Key=f"{source['key']}/small.jpg"
    )
    assert head["Metadata"]["source-version-id"] == source["versionId"]
    assert head["Metadata"]["darkroom-version"]
    assert head["ContentType"] == "image/jpeg"


def test_the_email_lists_every_output(pipeline: Pipeline) -> None:
    source = pipeline.put(photo(1600, 1200), "holiday.jpg")
    run = pipeline.run_of(source)
    (email,) = pipeline.inbox(run, "email")
    assert email.recipient == "you@example.com"
    assert email.subject == f"Darkroom: ready: {source['key']}"
    for expected in (
        "JPEG, 1600 x 1200 pixels",
        "300 x 225",
        "600 x 450",
        "1200 x 900",
        f"s3://{pipeline.at.output_bucket_name}/{source['key']}/document.pdf",
        f"s3://{pipeline.at.backup_bucket_name}/{source['key']}",
        source["versionId"],
        run.arn,
    ):
        assert expected in email.text


def test_transparency_becomes_webp(pipeline: Pipeline) -> None:
    source = pipeline.put(transparent(), "logo.png")
    pipeline.run_of(source)
    outputs = pipeline.outputs(source)
    small = opened(outputs["small.webp"])
    assert small.format == "WEBP"
    assert small.convert("RGBA").getpixel((299, 100))[3] == 0


def test_a_request_chooses_its_presets(pipeline: Pipeline) -> None:
    presets = [{"name": "thumb", "width": 100, "height": 100, "fit": "cover", "format": "webp"}]
    run = pipeline.start_manual(photo(), presets=presets)
    assert run.status == "SUCCEEDED"
    (rendition,) = run.output["renditions"]
    assert (rendition["name"], rendition["width"], rendition["height"]) == ("thumb", 100, 100)
    assert rendition["key"].endswith("/thumb.webp")


def test_a_list_of_formats_is_a_rendition_each(pipeline: Pipeline) -> None:
    presets = [
        {"name": "small", "width": 100, "format": ["webp", "jpeg"]},
        {"name": "large", "width": 200},
    ]
    source = pipeline.put(photo(), prefix="manual/")
    run = pipeline.start({"source": source, "presets": presets})
    assert run.status == "SUCCEEDED"
    names = ["small.webp", "small.jpg", "large"]
    files = ["small.webp", "small.jpg", "large.jpg"]
    assert run.states.count("Resize") == 3
    assert set(pipeline.outputs(source)) == {*files, "document.pdf"}
    record, (message,) = pipeline.record(source), pipeline.messages(run)
    assert record is not None
    for told in (run.output["renditions"], record["renditions"], message["renditions"]):
        assert [each["name"] for each in told] == names
        assert [each["key"] for each in told] == [f"{source['key']}/{file}" for file in files]
        types = ["image/webp", "image/jpeg", "image/jpeg"]
        assert [each["contentType"] for each in told] == types
    assert opened(pipeline.outputs(source)["small.webp"]).format == "WEBP"
    (email,) = pipeline.inbox(run, "email")
    assert "  small.webp  100 x 75 " in email.text


def test_a_run_with_another_position_replaces_what_was_shown(pipeline: Pipeline) -> None:
    """The same key, other pixels: nothing of an earlier run is taken for the one asked for."""
    image = Image.new("RGB", (300, 100), (120, 120, 120))
    image.paste((230, 20, 20), (20, 40, 40, 60))
    source = pipeline.put(encoded(image, "PNG"), "wide.png", prefix="manual/")
    preset = {"name": "square", "width": 60, "height": 60, "fit": "cover", "format": "png"}
    seen = []
    for position in ("right", "attention"):
        asked = {"source": source, "presets": [preset | {"position": position}]}
        assert pipeline.start(asked).status == "SUCCEEDED"
        made = opened(pipeline.outputs(source)["square.png"])
        assert made.size == (60, 60)
        seen.append((230, 20, 20) in {colour for _, colour in made.getcolors(3600) or ()})
    assert seen == [False, True]


def test_a_request_may_ask_not_to_tell_people(pipeline: Pipeline) -> None:
    quiet = pipeline.start_manual(photo(), notify=False)
    loud = pipeline.start_manual(photo())
    assert quiet.status == "SUCCEEDED"
    assert pipeline.inbox(quiet, "email") == []
    assert len(pipeline.inbox(loud, "email")) == 1
    # Machines that subscribed without a filter still hear of it.
    assert pipeline.messages(quiet)[0]["outcome"] == "COMPLETE"


def test_the_deployed_presets_are_read_again(pipeline: Pipeline) -> None:
    """A change of the SSM parameter needs no redeploy; warm functions see it within a minute."""
    value = json.dumps([{"name": "tiny", "width": 50, "height": 50}])
    name = pipeline.at.presets_parameter_name
    before = pipeline.at.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    pipeline.at.ssm.put_parameter(Name=name, Value=value, Overwrite=True)
    try:
        if pipeline.engine is not None:  # a new process, instead of a minute
            pipeline.engine.functions.register(
                pipeline.engine.functions.spec(pipeline.at.prepare_function_name)
            )
        run = pipeline.start_manual(photo())
        assert [each["name"] for each in run.output["renditions"]] == ["tiny"]
    finally:
        pipeline.at.ssm.put_parameter(Name=name, Value=before, Overwrite=True)
        if pipeline.engine is not None:
            pipeline.engine.functions.register(
                pipeline.engine.functions.spec(pipeline.at.prepare_function_name)
            )
