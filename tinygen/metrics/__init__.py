"""Measures of generated images.

Of images themselves, of their features by the package's own classifier
(such numbers compare models within this book, not with papers), and of a
model's likelihood.
"""

from tinygen.metrics.distances import (
    Estimate,
    Moments,
    density_coverage,
    fid,
    frechet,
    kid,
    precision_recall,
)
from tinygen.metrics.features import features, probabilities
from tinygen.metrics.images import blur, diversity, nearest, psnr, ssim
from tinygen.metrics.scores import (
    bits_per_dimension,
    elbo,
    inception_score,
    mode_gap,
    mode_histogram,
)
