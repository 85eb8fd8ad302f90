"""Record 09_gru: does the small GRU gain from having been a language model first?

Film reviews. ``setting`` is the number of labels in all, ``value`` the accuracy on the test sentences.
``gru`` starts from the weights of the language model, ``gru_scratch`` from random ones; both have the vocabulary, the
steps and the rate of record 09_label_budget, whose functions are used. The seed draws the labels, the new head, the
order, and the random weights where there are any.

For the mini profile only: the GRU and its language model are the course's own, and there is one size of them.
"""

from authoring.records.common import Cell, load, network, product

budget = load("09_label_budget")

WEIGHTS = {"gru": "language_model", "gru_scratch": None}
CELLS = product(["sentiment"], WEIGHTS, budget.BUDGETS, range(3))
CHEAP = False


def measure(cell: Cell) -> float:
    """Test accuracy of one GRU."""
    labels = budget.BUDGETS[cell.setting]
    model = network("gru_small", weights=WEIGHTS[cell.method], num_classes=2, seed=cell.seed)
    task = budget.task_of(labels.labels, cell.seed)
    return budget.trained(model, task, labels, cell.seed, rate=budget.GRU_RATE, batch=budget.GRU_BATCH)
