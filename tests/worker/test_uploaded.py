"""An uploaded zip, taken in by a real worker."""

from __future__ import annotations

from evalnb import uploads
from evalnb.jobs import Job
from evalnb.store.repositories import datasets, images
from tests.crew import Crew
from tests.hostile import png, zipped


def test_a_worker_takes_an_uploaded_zip_in(crew: Crew) -> None:
    content = zipped({f"{n}.png": png(60 + n, 40) for n in range(3)} | {"cut.png": png(200, 200)[:500]})
    asked = uploads.Asked(crew.project_id, "four.zip", "images-zip", {"dataset": "four"})
    record = uploads.begin(crew.store, asked, length=len(content), author="ada")
    with uploads.Writer.open(crew.store, record.id, 0) as writer:
        writer.write(content)
    record = uploads.settle(crew.store, record.id)
    assert record.state == "processing" and record.job_id is not None
    crew.worker("--lease", "15")
    result = Job(crew.store, record.job_id).wait(timeout=200)
    assert result["datasets"][0]["images"] == 3 and "cut.png" in result["problems"][0]
    record = uploads.settle(crew.store, record.id)
    assert (record.state, record.result) == ("done", result)
    with crew.store.database.transaction() as session:
        found = datasets.by_name(session, crew.project_id, "four")
        assert [one.width for one in images.page(session, found.id)] == [60, 61, 62]
    assert not (crew.store.settings.home / "jobs" / str(record.job_id)).exists()
