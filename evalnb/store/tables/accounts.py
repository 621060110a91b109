"""Accounts, what they are members of, and how they prove themselves."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, DateTime, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from evalnb.store.tables.base import Base, Created, Key


class AccountRow(Base):
    """A person or a program. Never deleted: edits and jobs name it; ``disabled_at`` shuts it out."""

    __tablename__ = "account"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str] = mapped_column(Text, unique=True)
    """The name folded, so that Ada and ada are one."""
    owner: Mapped[bool] = mapped_column(Boolean, server_default="false")
    local: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whom the home's own token stands for; at most one."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    """An argon2id string; None for one who signs in by a token alone."""
    disabled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[Created]

    __table_args__ = (Index("uq_account_local", "local", unique=True, postgresql_where=text("local")),)


class MembershipRow(Base):
    """A role in a project."""

    __tablename__ = "membership"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[int] = mapped_column(
        ForeignKey("project.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]

    __table_args__ = (CheckConstraint("role IN ('viewer', 'annotator', 'admin')", name="role_is_known"),)


class LoginRow(Base):
    """A browser that is signed in. Of its secret only the SHA-256 is kept."""

    __tablename__ = "login"

    id: Mapped[Key]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[Created]
    seen_at: Mapped[Created]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    """Moves on with use, up to ``ends_at``."""
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    address: Mapped[str] = mapped_column(Text)
    agent: Mapped[str] = mapped_column(Text)


class TokenRow(Base):
    """An API token. Of its secret only the SHA-256 is kept: 256 random bits need no slow hash."""

    __tablename__ = "api_token"

    id: Mapped[Key]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scope: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (CheckConstraint("scope IN ('read', 'write', 'admin')", name="scope_is_known"),)


class SignInFailureRow(Base):
    """Failures to sign in, by name and address; the name '' counts an address's failures under any name."""

    __tablename__ = "sign_in_failure"

    name_key: Mapped[str] = mapped_column(Text, primary_key=True)
    address: Mapped[str] = mapped_column(Text, primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    last_at: Mapped[Created]

    __table_args__ = (Index("ix_sign_in_failure_last_at", "last_at"),)
