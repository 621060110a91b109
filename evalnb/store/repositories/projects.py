"""Projects."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from evalnb.store.tables import ProjectRow


def opened(session: Session, name: str) -> int:
    """The id of the project of that name, made where there is none. Two callers at once get the same one."""
    known = session.scalar(select(ProjectRow.id).where(ProjectRow.name == name))
    if known is not None:
        return known
    session.execute(insert(ProjectRow).values(name=name).on_conflict_do_nothing())
    return session.scalars(select(ProjectRow.id).where(ProjectRow.name == name)).one()
