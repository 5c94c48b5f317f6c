"""A study from plan to report, stage by stage."""
