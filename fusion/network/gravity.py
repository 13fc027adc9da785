"""Traffic between nodes by the gravity model: in proportion to the populations at both ends."""

from collections.abc import Mapping


def gravity_shares(populations: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """Return the share of all traffic that runs from node to node, for each ordered pair of nodes.

    populations: of the nodes at which traffic starts and ends, in any unit. The share of i to j is P(i) P(j)
    over the sum of this product for all pairs of different nodes; distance does not matter. That is the
    simple gravity model with populations for what enters and leaves a network at a node: M. Roughan,
    "Simplifying the synthesis of Internet traffic matrices", ACM SIGCOMM Comput. Commun. Rev. 35 (2005)
    no. 5, p. 93; Y. Zhang, M. Roughan, N. Duffield, A. Greenberg, "Fast accurate computation of large-scale
    IP traffic matrices from link loads", ACM SIGMETRICS 2003, p. 206.

    Raises ValueError where fewer than two populations are above 0, or one is below.
    """
    if below := [node for node, number in populations.items() if not number >= 0]:
        raise ValueError(f"the population of {below[0]} must be a number from 0")
    if sum(number > 0 for number in populations.values()) < 2:
        raise ValueError("at least two nodes need a population above 0")
    largest = max(populations.values())
    scaled = {node: number / largest for node, number in populations.items()}
    products = {
        (a, b): scaled[a] * scaled[b]
        for a in scaled
        for b in scaled
        if a != b and scaled[a] * scaled[b]
    }
    total = sum(products.values())
    return {pair: product / total for pair, product in products.items()}
