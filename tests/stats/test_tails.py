"""Tails and their logarithms are those of R, far beyond the smallest double."""

import math

import pytest

from engine.stats.tails import chi2_p, normal_p, student_p

# R 4.2.2: pt(t, df, lower.tail = FALSE, log.p = TRUE)
STUDENT = [
    (5, 10, -8.2220386027180918),
    (45, 3000.5, -778.21625578407702),
    (50, 1e5, -1239.4496468437258),
    (40, 1e6, -803.96832475034205),
    (300, 200, -614.71498228397036),
    (500, 7e4, -53200.275022380491),
]
# R 4.2.2: pnorm(z, lower.tail = FALSE, log.p = TRUE)
NORMAL = [
    (0, -0.69314718055994529),
    (5, -15.064998393988725),
    (40, -804.6084420137538),
    (1000, -500007.82669481216),
]
# R 4.2.2: pchisq(chi2, df, lower.tail = FALSE, log.p = TRUE)
CHI2 = [
    (5, 2, -2.5),
    (700, 3, -346.9488256623668),
    (10000, 1, -5004.8310615136461),
    (2000, 40, -908.07337076913734),
    (100000, 5, -49984.054985444011),
    (3, 7, -0.12216511234670818),
]


@pytest.mark.parametrize(("chi2", "df", "log_sf"), CHI2)
def test_chi2(chi2, df, log_sf):
    assert chi2_p(chi2, df)[1] * math.log(10) == pytest.approx(log_sf, rel=1e-12)


@pytest.mark.parametrize(("t", "df", "log_sf"), STUDENT)
def test_student(t, df, log_sf):
    _, log10_greater = student_p(t, df, "greater")
    _, log10_two_sided = student_p(-t, df, "two-sided")
    assert log10_greater * math.log(10) == pytest.approx(log_sf, rel=1e-12)
    assert log10_two_sided == pytest.approx(log10_greater + math.log10(2), rel=1e-12)
    assert student_p(t, df, "less")[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("z", "log_sf"), NORMAL)
def test_normal(z, log_sf):
    _, log10_greater = normal_p(z, "greater")
    _, log10_two_sided = normal_p(-z, "two-sided")
    assert log10_greater * math.log(10) == pytest.approx(log_sf, rel=1e-12)
    assert log10_two_sided == pytest.approx(log10_greater + math.log10(2), rel=1e-12, abs=1e-15)


def test_no_statistic_is_no_evidence():
    for p, log10_p in (normal_p(0, "two-sided"), student_p(0, 5, "two-sided"), chi2_p(0, 3)):
        assert (p, log10_p) == (1, 0)
    assert normal_p(0, "less")[0] == 0.5
    assert chi2_p(0, 0) == (1, 0)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_infinite_degrees_of_freedom_are_the_normal_distribution(alternative):
    for z in (-3.0, 0.5, 60.0):
        assert student_p(z, math.inf, alternative) == normal_p(z, alternative)
