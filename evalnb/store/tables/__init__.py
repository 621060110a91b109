"""The tables. One module for each noun; ``Base.metadata`` holds them all."""

from evalnb.store.tables.accounts import AccountRow, LoginRow, MembershipRow, SignInFailureRow, TokenRow
from evalnb.store.tables.annotations import AnnotationRow, EditRow
from evalnb.store.tables.base import Base
from evalnb.store.tables.datasets import (
    ClassRow,
    DatasetRow,
    ImageAnchorRow,
    ImageNamesRow,
    ImageRow,
    ImageTagRow,
    ImportRow,
    ProjectRow,
    TaxonomyRow,
    video_sha256,
)
from evalnb.store.tables.jobs import JobEventRow, JobRow
from evalnb.store.tables.models import ModelRow, ModelVersionRow
from evalnb.store.tables.reviews import CommentRow, ImageReviewRow, ReviewChangeRow
from evalnb.store.tables.runs import EvaluationRow, PredictionRow, PredictionRunRow, ReportRow
from evalnb.store.tables.serving import (
    AliasChangeRow,
    ImagePyramidRow,
    ModelAliasRow,
    PyramidRow,
    ServedPredictionRow,
)
from evalnb.store.tables.uploads import UploadRow

__all__ = [
    "AccountRow",
    "AliasChangeRow",
    "AnnotationRow",
    "Base",
    "ClassRow",
    "CommentRow",
    "DatasetRow",
    "EditRow",
    "EvaluationRow",
    "ImageAnchorRow",
    "ImageNamesRow",
    "ImagePyramidRow",
    "ImageReviewRow",
    "ImageRow",
    "ImageTagRow",
    "ImportRow",
    "JobEventRow",
    "JobRow",
    "LoginRow",
    "MembershipRow",
    "ModelAliasRow",
    "ModelRow",
    "ModelVersionRow",
    "PredictionRow",
    "PredictionRunRow",
    "ProjectRow",
    "PyramidRow",
    "ReportRow",
    "ReviewChangeRow",
    "ServedPredictionRow",
    "SignInFailureRow",
    "TaxonomyRow",
    "TokenRow",
    "UploadRow",
    "video_sha256",
]
