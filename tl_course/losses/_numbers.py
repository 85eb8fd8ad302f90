"""The numbers that a loss is given."""


def check_share(name: str, value: float, at_zero: str, at_one: str) -> None:
    """Refuse a weight outside [0, 1], by its name and what the ends mean (ValueError).

    Examples
    --------
    >>> check_share("alpha", 2, "the target alone", "the source alone")
    Traceback (most recent call last):
    ValueError: alpha=2 must lie between 0 (the target alone) and 1 (the source alone).
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value} must lie between 0 ({at_zero}) and 1 ({at_one}).")
