"""The kernel's façade: what ``ev.open()`` returns, and where its parts are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from evalnb.dataset import Dataset
from evalnb.importing import Importing
from evalnb.progress import TqdmProgress
from evalnb.settings import Settings
from evalnb.store import Store, open_store

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.jobs import Job
    from evalnb.jobs.submit import Submit
    from evalnb.reports import PublishedReport
    from evalnb.runs.evaluation import Evaluation
    from evalnb.store.repositories.aliases import AliasChange
    from evalnb.store.repositories.models import ModelVersion
    from evalnb.store.repositories.predictions import PredictionRun


def open(database_url: str | None = None, *, project: str = "default") -> Project:
    """Open a project; make it where there is none of that name.

    Without ``database_url`` (or EVALNB_DATABASE_URL) the PostgreSQL and Valkey under EVALNB_HOME are started, or
    adopted when they run already; several kernels, the command line and a worker share them.
    """
    return Project(open_store(Settings.from_environment(), database_url=database_url), project)


class Project(Importing):
    """Datasets, models, runs, evaluations, jobs and reports of one name, in one PostgreSQL."""

    def __init__(self, store: Store, name: str = "default") -> None:
        from evalnb.store.repositories import projects

        self.store = store
        self.name = name
        with store.database.transaction() as session:
            self.id: int = projects.opened(session, name)

    def __repr__(self) -> str:
        """Name and contents."""
        names = self.datasets().index.tolist()
        return f"Project({self.name!r}: {len(names)} datasets{': ' if names else ''}{', '.join(map(str, names))})"

    # Datasets: what is imported stands in Importing

    def datasets(self) -> pd.DataFrame:
        """All datasets: name (index), images, annotations, created."""
        import pandas as pd

        from evalnb.registry import datasets

        with self.store.database.transaction() as session:
            found = [datasets.summary(session, one.id) for one in datasets.list(session, self.id)]
        columns = ["name", "images", "annotations", "classes", "created"]
        rows = [
            (one.dataset.name, one.images, one.annotations, len(one.per_class), one.dataset.created_at)
            for one in found
        ]
        return pd.DataFrame(rows, columns=columns).set_index("name")

    # Models and runs

    def register(
        self,
        architecture: str,
        weights: str | Path | None = None,
        *,
        name: str | None = None,
        class_names: Iterable[str] | None = None,
    ) -> ModelVersion:
        """Register weights as a new version of the model ``name``.

        ``architecture`` is yolo11n … x, yolo12n … x, rtdetr-l or -x. Without ``weights`` the published ones are
        downloaded. Safetensors are read freely, a ``.pt`` only by a confined converter; anything else is refused.
        """
        from evalnb.registry import models

        version = models.register(
            self.store,
            self.id,
            architecture,
            Path(weights) if weights is not None else None,
            name=name or architecture,
            class_names=list(class_names) if class_names is not None else None,
        )
        return models.get(self.store, version)

    def model(self, name: str, version: int | None = None) -> ModelVersion:
        """A version of a model; the newest where none is named."""
        from evalnb.registry import models

        return models.named(self.store, self.id, name, version)

    def models(self) -> pd.DataFrame:
        """All model versions, newest first."""
        from evalnb.registry import models

        return models.table(self.store, self.id)

    def alias(
        self,
        name: str,
        model: ModelVersion,
        *,
        challenger: ModelVersion | None = None,
        share: float | None = None,
        note: str = "",
    ) -> AliasChange:
        """Let programs predict by ``model`` under the name ``name``; ``challenger`` answers its ``share`` (0.1)."""
        from evalnb.registry import aliases

        with self.store.database.transaction() as session:
            return aliases.point(
                session,
                self.id,
                name,
                model.id,
                challenger_id=challenger.id if challenger else None,
                share=share,
                note=note,
                author=self.store.settings.author,
            )

    def predict(
        self,
        model: ModelVersion | str,
        dataset: Dataset,
        *,
        confidence: float = 0.001,
        max_detections: int = 100,
        batch: int | None = None,
        name: str | None = None,
        resume: PredictionRun | None = None,
    ) -> PredictionRun:
        """Run a model over a dataset (or a slice of it), here, with a bar.

        Results stream into the store. After an interruption pass the unfinished run as ``resume``: only the images
        that it lacks are done.
        """
        from evalnb.runs.predict import predict

        version = self.model(model) if isinstance(model, str) else model
        run = predict(
            self.store,
            version.id,
            dataset.id,
            part=dataset.part,
            name=name,
            confidence=confidence,
            max_detections=max_detections,
            batch=batch,
            progress=TqdmProgress(),
            run_id=resume.id if resume else None,
        )
        return self.run(run)

    def import_results(
        self, dataset: Dataset, results: str | Path | list[Mapping[str, Any]], *, name: str
    ) -> PredictionRun:
        """A COCO result file (or its rows) as a prediction run on ``dataset``."""
        from evalnb.registry import ingest

        return self.run(ingest.import_results(self.store, dataset.id, results, name))

    def run(self, id: int) -> PredictionRun:
        """The prediction run of that id."""
        from evalnb.store.repositories import predictions

        with self.store.database.transaction() as session:
            return predictions.get(session, id)

    def runs(self) -> pd.DataFrame:
        """All prediction runs, newest first."""
        from evalnb.store.repositories import predictions

        with self.store.database.transaction() as session:
            return predictions.table(session, self.id)

    # Evaluations and reports

    def evaluate(self, run: PredictionRun, *, kind: str = "bbox") -> Evaluation:
        """Match a run against the truth, once; all numbers aggregate that. ``kind``: bbox, segm, boundary, obb."""
        from evalnb.runs.evaluate import evaluate

        return evaluate(self.store, run.id, kind=kind, progress=TqdmProgress())

    def evaluation(self, id: int) -> Evaluation:
        """A kept evaluation, without matching again."""
        from evalnb.runs.evaluate import load

        return load(self.store, id)

    def publish(self, evaluation: Evaluation, *, title: str, compare_to: Evaluation | None = None) -> PublishedReport:
        """Freeze an evaluation into a report: a Voila page, and one HTML file that needs nothing else."""
        from evalnb.reports import publish

        return publish(self.store, self.id, evaluation, title=title, compare_to=compare_to)

    def reports(self) -> list[PublishedReport]:
        """All published reports, newest first."""
        from evalnb.reports import published

        return published(self.store, self.id)

    # Jobs

    @property
    def submit(self) -> Submit:
        """Long work on a worker: ``submit.train(…)``, ``.predict(…)``, ``.evaluate(…)``; each gives a Job."""
        from evalnb.jobs.submit import Submit
        from evalnb.widgets.job import view

        return Submit(self.store, self.id, self.store.settings.author, view=view, resolve=self._made)

    def job(self, id: UUID | str) -> Job:
        """A job by its id, live."""
        from evalnb.jobs import Job
        from evalnb.widgets.job import view

        return Job(self.store, UUID(str(id)), view=view, resolve=self._made)

    def _made(self, kind: str, result: dict[str, Any]) -> Any:
        """What a job's result row stands for: a model version, a run, an evaluation, datasets; or the row itself."""
        if kind == "import":
            return [self.dataset(one["dataset"]) for one in result["datasets"]]
        if kind in {"train", "register"}:
            from evalnb.registry import models

            return models.get(self.store, result["model_version_id"])
        if kind == "predict":
            return self.run(result["run_id"])
        return self.evaluation(result["evaluation_id"]) if kind == "evaluate" else result
