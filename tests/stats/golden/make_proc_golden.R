# Values of R's pROC for tests/stats/test_delong_proc.py (Debian: r-base-core, r-cran-proc).
#
#   Rscript make_proc_golden.R                      writes cases.csv, values.csv, random_cases.csv,
#                                                   random_values.csv, partial.csv beside this file
#   Rscript make_proc_golden.R CASES.csv VALUES.csv reads cases made elsewhere
#
# cases.csv holds one model per line: case, model (a, b), and labels and scores separated by blanks.
# A case is paired when both models have the same labels. values.csv holds one test per line.

suppressMessages(library(pROC))

digits <- function(x) ifelse(is.na(x), "NaN", sprintf("%.17g", x))
numbers_in <- function(text) as.numeric(strsplit(text, " ")[[1]])

# One line of values: what pROC says of models a and b under one design and alternative.
value_line <- function(case, design, alternative, a, b) {
  test <- suppressWarnings(roc.test(
    a, b, method = "delong", paired = design == "paired", alternative = alternative
  ))
  paired <- design == "paired"
  df <- if (paired) NaN else unname(test$parameter)
  statistic <- unname(test$statistic)
  tail <- switch(alternative,
    two.sided = -abs(statistic), greater = -statistic, less = statistic)
  log_p <- if (paired) pnorm(tail, log.p = TRUE) else pt(tail, df, log.p = TRUE)
  if (alternative == "two.sided") log_p <- log_p + log(2)
  ci_delta <- if (paired) as.numeric(test$conf.int) else c(NaN, NaN)
  ci_a <- suppressWarnings(as.numeric(ci.auc(a)))
  ci_b <- suppressWarnings(as.numeric(ci.auc(b)))
  numbers <- c(
    auc_a = as.numeric(auc(a)), auc_b = as.numeric(auc(b)),
    var_a = suppressWarnings(var(a)), var_b = suppressWarnings(var(b)),
    cov = if (paired) suppressWarnings(cov(a, b)) else NaN,
    a_low = ci_a[1], a_high = ci_a[3], b_low = ci_b[1], b_high = ci_b[3],
    ci_low = ci_delta[1], ci_high = ci_delta[2],
    statistic = statistic, df = df, p = test$p.value, log10_p = log_p / log(10)
  )
  c(case = case, design = design, alternative = alternative, sapply(numbers, digits))
}

values_of <- function(cases, alternatives = c("two.sided", "greater", "less")) {
  lines <- list()
  for (case in unique(cases$case)) {
    a <- cases[cases$case == case & cases$model == "a", ]
    b <- cases[cases$case == case & cases$model == "b", ]
    curves <- lapply(list(a, b), function(model) roc(
      numbers_in(model$labels), numbers_in(model$scores),
      levels = c(0, 1), direction = "<", quiet = TRUE
    ))
    designs <- if (a$labels == b$labels) c("paired", "unpaired") else "unpaired"
    for (design in designs) {
      for (alternative in alternatives) {
        line <- value_line(case, design, alternative, curves[[1]], curves[[2]])
        lines[[length(lines) + 1]] <- line
      }
    }
  }
  as.data.frame(do.call(rbind, lines))
}

model_line <- function(case, model, y, score) {
  data.frame(
    case = case, model = model,
    labels = paste(y, collapse = " "), scores = paste(sprintf("%.15g", score), collapse = " ")
  )
}

# A case: `shift` moves the positives, `decimals` makes ties, `shared` correlates the models.
simulated <- function(case, n_negative, n_positive, shift_a, shift_b, shared, decimals) {
  y <- sample(rep(c(0, 1), c(n_negative, n_positive)))
  common <- rnorm(length(y))
  score <- function(shift) {
    noise <- sqrt(shared) * common + sqrt(1 - shared) * rnorm(length(y))
    round(noise + shift * y, decimals)
  }
  rbind(
    model_line(case, "a", y, score(shift_a)),
    model_line(case, "b", y, score(shift_b))
  )
}

# A case in which the models scored different rows.
different_rows <- function(case, sizes_a, sizes_b, decimals) {
  one <- simulated(case, sizes_a[1], sizes_a[2], 1, 0, 0, decimals)
  other <- simulated(case, sizes_b[1], sizes_b[2], 0, 0.6, 0, decimals)
  rbind(one[one$model == "a", ], other[other$model == "b", ])
}

same_rows <- function(case, y, a, b) {
  rbind(model_line(case, "a", y, a), model_line(case, "b", y, b))
}

golden_cases <- function() {
  set.seed(20261122)
  six <- c(0, 0, 0, 1, 1, 1)
  twenty <- rep(c(0, 1), 10)
  noisy <- round(rnorm(20) + twenty, 2)
  cases <- list(
    same_rows("tiny 2 and 2", c(0, 0, 1, 1), c(1, 3, 2, 4), c(4, 3, 2, 1)),
    same_rows("tiny 2 and 2 tied", c(0, 0, 1, 1), c(1, 2, 2, 3), c(1, 1, 1, 2)),
    same_rows("tiny 3 and 3", six, c(1, 4, 2, 3, 5, 6), c(1, 2, 5, 5, 4, 3)),
    same_rows("tiny 2 and 4", c(0, 0, 1, 1, 1, 1), c(1, 3, 2, 4, 5, 2), c(2, 2, 3, 1, 4, 4)),
    same_rows("identical", six, c(1, 4, 2, 3, 5, 6), c(1, 4, 2, 3, 5, 6)),
    same_rows("monotone twins", twenty, noisy, 3 * noisy + 100),
    same_rows("reversed twins", twenty, noisy, -noisy),
    same_rows("perfect and perfect", six, 1:6, c(2, 3, 5, 8, 13, 21)),
    same_rows("perfect and constant", six, 1:6, rep(1, 6)),
    same_rows("perfect and reversed", six, 1:6, 6:1),
    same_rows("constant and constant", six, rep(1, 6), rep(7, 6)),
    same_rows("constant and noisy", twenty, rep(0.5, 20), noisy),
    same_rows("perfect and noisy", twenty, twenty, noisy),
    same_rows("nearly perfect", rep(c(0, 1), each = 5), c(1, 2, 3, 4, 6, 5, 7, 8, 9, 10), 1:10),
    same_rows("one swap apart", twenty, noisy, replace(noisy, c(3, 4), noisy[c(4, 3)])),
    same_rows("two score values", twenty, 1 * (noisy > 0), 1 * (noisy > 1)),
    same_rows("far apart values", twenty, noisy * 1e-9, noisy^3 * 1e12),
    simulated("underflow", 150, 150, 3, -3, 0, 1),
    simulated("very small p", 120, 120, 3, -1, 0.5, 2),
    different_rows("different rows, equal sizes", c(20, 20), c(20, 20), 3),
    different_rows("different rows, small and large", c(4, 3), c(90, 60), 2),
    different_rows("different rows, tied", c(30, 15), c(12, 40), 0),
    different_rows("different rows, tiny", c(2, 2), c(2, 3), 1),
    different_rows("different rows, imbalanced", c(150, 3), c(5, 80), 2)
  )
  sizes <- list(c(5, 5), c(10, 40), c(40, 10), c(60, 60), c(150, 3))
  for (size in sizes) {
    for (decimals in c(0, 1, 6)) {
      for (shared in c(0, 0.8)) {
        case <- sprintf(
          "%d and %d, %d decimals, shared %.1f", size[1], size[2], decimals, shared
        )
        shifts <- runif(2, 0, 1.5)
        cases[[length(cases) + 1]] <- simulated(
          case, size[1], size[2], shifts[1], shifts[2], shared, decimals
        )
      }
    }
  }
  do.call(rbind, cases)
}

# 200 small cases of every kind that has tripped an implementation: tiny, imbalanced, tied,
# separated, constant.
random_cases <- function() {
  set.seed(20261125)
  cases <- lapply(1:200, function(number) {
    kind <- c("any", "tiny", "imbalanced", "separated", "constant")[number %% 5 + 1]
    sizes <- switch(kind,
      tiny = sample(2:4, 2, replace = TRUE), imbalanced = c(sample(20:40, 1), sample(2:3, 1)),
      sample(2:25, 2, replace = TRUE))
    shifts <- runif(2, -0.5, 2)
    shared <- sample(c(0, 0.5, 0.95), 1)
    decimals <- sample(c(0, 1, 3), 1)
    case <- simulated(
      paste("random", number, kind), sizes[1], sizes[2], shifts[1], shifts[2], shared, decimals
    )
    if (kind == "constant") case[2, "scores"] <- paste(rep(1, sum(sizes)), collapse = " ")
    if (kind == "separated") {
      y <- numbers_in(case[1, "labels"])
      scores <- numbers_in(case[1, "scores"]) + 10 * y
      case[1, "scores"] <- paste(sprintf("%.15g", scores), collapse = " ")
    }
    case
  })
  do.call(rbind, cases)
}

# Partial AUC of every model of the golden cases, false positive rates up to 0.1 and 0.5.
partial_values <- function(cases) {
  lines <- lapply(seq_len(nrow(cases)), function(row) {
    curve <- roc(
      numbers_in(cases$labels[row]), numbers_in(cases$scores[row]),
      levels = c(0, 1), direction = "<", quiet = TRUE
    )
    areas <- sapply(c(0.1, 0.5), function(most) suppressWarnings(as.numeric(auc(
      curve, partial.auc = c(1, 1 - most),
      partial.auc.correct = TRUE, allow.invalid.partial.auc.correct = TRUE
    ))))
    data.frame(
      case = cases$case[row], model = cases$model[row],
      up_to_0.1 = digits(areas[1]), up_to_0.5 = digits(areas[2])
    )
  })
  do.call(rbind, lines)
}

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) == 2) {
  cases <- read.csv(arguments[1])
  write.csv(values_of(cases), arguments[2], row.names = FALSE, quote = 1)
} else {
  script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  here <- dirname(normalizePath(script))
  save <- function(table, name) {
    write.csv(table, file.path(here, name), row.names = FALSE, quote = 1)
    read.csv(file.path(here, name))
  }
  golden <- save(golden_cases(), "cases.csv")
  save(values_of(golden), "values.csv")
  save(partial_values(golden), "partial.csv")
  random <- save(random_cases(), "random_cases.csv")
  invisible(save(values_of(random, "two.sided"), "random_values.csv"))
}
