"""Freeze an evaluation into a bundle; figures; static HTML; the live page."""

from evalnb.reports.publish import PublishedReport, find, live_url, publish, published, read

__all__ = ["PublishedReport", "find", "live_url", "publish", "published", "read"]
