"""What the HTTP API takes and answers, by noun.

OpenAPI describes these shapes, and TypeScript's client is made from that: ``tools/generate_client.py``.
"""

from evalnb.wire.http.annotations import EditItem, EditPage, Ops
from evalnb.wire.http.base import MOST_INT, Key, Name, Number, Problem, Score, Text
from evalnb.wire.http.datasets import (
    DatasetClass,
    DatasetDetail,
    DatasetImage,
    DatasetImagePage,
    DatasetItem,
    DatasetPage,
    DatasetTag,
    ImageDetail,
    ImagePredictions,
    NewDataset,
)
from evalnb.wire.http.health import Health, HealthCheck
from evalnb.wire.http.jobs import (
    EvaluateAsk,
    JobAsk,
    JobEventItem,
    JobEventPage,
    JobItem,
    JobLog,
    JobPage,
    JobProblem,
    PredictAsk,
    SliceAsk,
    TrainAsk,
)
from evalnb.wire.http.projects import NewProject, ProjectItem, ProjectPage

__all__ = [
    "MOST_INT",
    "DatasetClass",
    "DatasetDetail",
    "DatasetImage",
    "DatasetImagePage",
    "DatasetItem",
    "DatasetPage",
    "DatasetTag",
    "EditItem",
    "EditPage",
    "EvaluateAsk",
    "Health",
    "HealthCheck",
    "ImageDetail",
    "ImagePredictions",
    "JobAsk",
    "JobEventItem",
    "JobEventPage",
    "JobItem",
    "JobLog",
    "JobPage",
    "JobProblem",
    "Key",
    "Name",
    "NewDataset",
    "NewProject",
    "Number",
    "Ops",
    "PredictAsk",
    "Problem",
    "ProjectItem",
    "ProjectPage",
    "Score",
    "SliceAsk",
    "Text",
    "TrainAsk",
]
