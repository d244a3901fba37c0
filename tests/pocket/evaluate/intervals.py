"""How far a figure of a few clips may lie from that of all clips: intervals of 95 %."""
import math

import numpy as np

RESAMPLES = 4000
Z = 1.96


def of_mean(values):
    """(low, high) of the mean: the middle of the means of clips drawn again with replacement (Efron's percentile bootstrap)."""
    values = np.asarray(values, float)
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(1), (2.5, 97.5))
    return float(low), float(high)


def of_share(values):
    """(low, high) of a share, of values 0 and 1: Wilson's, since clips that all succeed say nothing when drawn again."""
    n, share = len(values), float(np.mean(values))
    middle, half = share + Z**2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, (middle - half) / (1 + Z**2 / n)), min(1.0, (middle + half) / (1 + Z**2 / n))
