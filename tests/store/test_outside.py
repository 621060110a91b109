"""Debian's own PostgreSQL and Redis serve as the embedded ones do."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from evalnb.settings import Settings
from evalnb.store import broker, migrations, open_store
from evalnb.store.tables import AnnotationRow, ClassRow, DatasetRow, ImageRow, ProjectRow, TaxonomyRow
from tests.conftest import database_url
from tests.outside import OutsideServers

pytestmark = pytest.mark.outside


def test_open_insert_and_read_on_outside_servers_starts_nothing_at_home(
    outside: OutsideServers, tmp_path: Path
) -> None:
    with psycopg.connect(outside.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE outside")
    home = tmp_path / "home"
    settings = Settings.from_environment(
        {
            "HOME": str(tmp_path),
            "EVALNB_HOME": str(home),
            "EVALNB_DATABASE_URL": database_url(outside.database_url, "outside"),
            "EVALNB_BROKER_URL": outside.broker_url,
        }
    )
    store = open_store(settings)
    with store.database.transaction() as session:
        version = session.execute(text("SHOW server_version_num")).scalar_one()
        assert int(version) < 180_000, "this is meant to be the distribution's own"
        project = ProjectRow(name="warehouse")
        session.add(project)
        session.flush()
        taxonomy = TaxonomyRow(project_id=project.id, name="warehouse")
        session.add(taxonomy)
        session.flush()
        dataset = DatasetRow(project_id=project.id, taxonomy_id=taxonomy.id, name="night")
        session.add_all([dataset, ClassRow(taxonomy_id=taxonomy.id, class_id=7, place=0, name="person")])
        session.flush()
        images = [
            ImageRow(
                dataset_id=dataset.id, source_key=str(n), file_name=f"{n}.jpg", uri=f"/{n}.jpg", width=4, height=3
            )
            for n in range(100)
        ]
        session.add_all(images)
        session.flush()
        session.add_all(
            AnnotationRow(
                id=uuid.uuid4(),
                image_id=one.id,
                dataset_id=dataset.id,
                class_id=7,
                kind="box",
                x=0,
                y=0,
                w=1,
                h=1,
                area=1,
            )
            for one in images
        )
    with store.database.transaction() as session:
        assert session.query(AnnotationRow).join(ImageRow, ImageRow.id == AnnotationRow.image_id).count() == 100
    assert migrations.drift(store.database) == []
    client = broker.connect(store.broker_url)
    client.rpush("outside", "bell")
    assert client.lpop("outside") == b"bell"
    assert not (home / "postgres").exists() and not (home / "valkey").exists()
    store.close()
