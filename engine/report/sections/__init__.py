"""The sections of the report: one file per subject, found by what it declares."""

from engine.report.sections.base import Subject, register, subjects

__all__ = ["Subject", "register", "subjects"]
