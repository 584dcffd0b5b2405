"""Says what acting on the scores is worth."""

from churn.workflows.simulate.compare import compare_documents, compare_simulations
from churn.workflows.simulate.simulate import simulate_campaign
from churn.workflows.simulate.write import check_ending, write_simulation

__all__ = ["check_ending", "compare_documents", "compare_simulations", "simulate_campaign", "write_simulation"]
