"""The choices that the arithmetic offers by name, in a file of their own so that naming one does not load numpy."""

from __future__ import annotations

from typing import Literal

ProfitModel = Literal["case_study", "incentive", "uplift"]
# How a campaign is chosen: the best one, or the one that an amount of this kind decides.
Mode = Literal["optimum", "threshold", "budget", "contacts"]
# Whether the customers' outcomes are known, expected under their probabilities, or given as counts of a study.
Outcomes = Literal["known", "expected", "given"]
# Which customers a simulation is about: the published list, the champion's evaluation set, or those of the case study.
Basis = Literal["scores", "evaluation", "case_study"]
# `note` is good to know, `caution` may change the decision, `wrong` means that the number should not be used.
Weight = Literal["note", "caution", "wrong"]
# The steps from all scored customers to those contacted, in order; see decisions/funnel.py.
StepName = Literal["scored", "recommended", "allowed", "rested", "not_held_out", "chosen"]
# Whether a programme's audience is large enough to prove itself, and why it pays back or not; see decisions/height.py.
Height = Literal["tall_enough", "open", "too_small"]
HeightReason = Literal["pays_back", "nothing_to_learn", "slice_costs_more", "learns_too_slowly"]
# Why a log cannot say what another policy would have earned; see decisions/off_policy.py.
RefusalReason = Literal["no_support", "too_few"]
