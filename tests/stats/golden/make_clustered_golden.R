# Values of Obuchowski's own R functions for tests/stats/test_clustered.py.
#
#   Rscript make_clustered_golden.R funcs_clusteredROC.R     writes clustered.csv beside this file
#
# funcs_clusteredROC.R is what the Cleveland Clinic published with Obuchowski, Biometrics 53:567, 1997
# (www.lerner.ccf.org/qhs/software/lib/funcs_clusteredROC.R). Labels, groups and the scores of models
# a and b are separated by blanks.

arguments <- commandArgs(trailingOnly = TRUE)
source(arguments[1])
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))

# Groups of uneven size; `mixed` groups hold both classes. A group moves all of its rows' scores.
simulated <- function(n_rows, n_groups, mixed, decimals) {
  repeat {
    group <- sample(n_groups, n_rows, replace = TRUE)
    label <- if (mixed) sample(0:1, n_rows, replace = TRUE) else group %% 2
    holding <- sapply(0:1, function(class) length(unique(group[label == class])))
    if (min(holding) > 1 && min(table(label)) > 1) break
  }
  moved <- rnorm(n_groups)[group]
  score <- function(skill) round(moved + rnorm(n_rows) + skill * label, decimals)
  list(label = label, group = group, a = score(runif(1, 0, 2)), b = score(runif(1, 0, 2)))
}

line <- function(case) {
  invisible(capture.output(
    found <- clusteredROC(case$a, case$b, case$label, case$group)
  ))
  text <- sapply(case, function(values) paste(sprintf("%.15g", values), collapse = " "))
  numbers <- c(
    auc_a = found$auc[1], auc_b = found$auc[2], se_a = found$auc.se[1], se_b = found$auc.se[2],
    delta = found$diff, se = found$diff.se, ci_low = found$ci.for.diff[1],
    ci_high = found$ci.for.diff[2], p = found$p.value
  )
  c(text, sapply(numbers, function(x) sprintf("%.17g", x)))
}

set.seed(20261125)
lines <- list()
for (n_rows in c(12, 40, 90)) {
  for (n_groups in c(4, 10, 30)) {
    for (mixed in c(TRUE, FALSE)) {
      for (decimals in c(0, 4)) {
        lines[[length(lines) + 1]] <- line(simulated(n_rows, n_groups, mixed, decimals))
      }
    }
  }
}
here <- dirname(normalizePath(script))
values <- as.data.frame(do.call(rbind, lines))
write.csv(values, file.path(here, "clustered.csv"), row.names = FALSE, quote = FALSE)
