"""An order in which what is alike stands side by side."""

import numpy as np
import numpy.typing as npt

__all__ = ["cluster_order"]

# Up to so many the tree is turned so that neighbours are as alike as they can be, which
# takes long for more.
_MAX_TURNED = 300


def cluster_order(likeness: npt.NDArray[np.floating]) -> npt.NDArray[np.intp]:
    """Order of rows and columns that puts what is alike side by side.

    Parameters
    ----------
    likeness : np.ndarray, shape (n, n)
        Correlations, symmetric; those that are not known (NaN) count as 0.

    Returns
    -------
    np.ndarray, length n
        Leaves of the tree of average linkage on 1 - correlation.

    References
    ----------
    Eisen, Spellman, Brown, Botstein. Cluster analysis and display of genome-wide
    expression patterns. PNAS 95, 1998. https://doi.org/10.1073/pnas.95.25.14863

    Examples
    --------
    >>> likeness = np.array([[1.0, -0.5, 0.9], [-0.5, 1.0, -0.4], [0.9, -0.4, 1.0]])
    >>> cluster_order(likeness).tolist() in ([1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1])
    True
    """
    n = len(likeness)
    if n < 3:
        return np.arange(n)
    # Only who draws such a figure waits for scipy, which takes long to import.
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = np.clip(1 - np.nan_to_num(likeness), 0, 2)
    np.fill_diagonal(distance, 0)
    pairs = squareform((distance + distance.T) / 2, checks=False)
    tree = linkage(pairs, "average", optimal_ordering=n <= _MAX_TURNED)
    return np.asarray(leaves_list(tree), dtype=np.intp)
