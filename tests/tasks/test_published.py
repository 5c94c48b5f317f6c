"""Published scores: facts with their source, found by the names that tasks go by."""

from engine.tasks.published import published_as, published_scores, published_tasks


def test_there_is_one_score_per_task_encoder_pooling_and_source() -> None:
    scores = published_scores()
    keys = [(s.task, s.encoder, s.pooling, s.metric, s.doi) for s in scores]
    assert len(set(keys)) == len(keys)
    assert all(0.4 <= score.value <= 1 and score.n_test > 0 for score in scores)
    assert len(published_tasks()) == 57  # as many as Feng et al. (2024) have


def test_a_figure_of_the_article_is_among_them() -> None:
    # Feng et al., Nature Communications 2025, table 1: DNABERT-2 on DNase I hypersensitive sites.
    article = [s for s in published_scores() if s.doi == "10.1038/s41467-025-65823-8"]
    (found,) = [s for s in article if (s.task, s.encoder) == ("DNase_I", "dnabert2")]
    assert (found.value, found.n_test, found.pooling) == (0.8666, 306, "mean")


def test_a_task_is_known_by_its_name_in_any_case_or_by_that_of_a_file() -> None:
    assert published_as("dnase_i") == "DNase_I"
    assert published_as("mine", "dhs_human") == "DNase_I"
    assert published_as("mine", "") is None
