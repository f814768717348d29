"""Every figure of the book: a function each, which returns a matplotlib figure."""

from tinyvgg.figures.controls import Forest, forest, seed_dots, shared_bars
from tinyvgg.figures.discussion import (
    Panel,
    augmentation_arms,
    difficulty_dots,
    gradients_by_layer,
    layer_pictures,
    region_examples,
    ways_by_epoch,
)
from tinyvgg.figures.faces import (
    cast,
    close_ups,
    contact_sheet,
    face_row,
    face_table,
    gaze_rows,
    mistaken_for,
)
from tinyvgg.figures.first_page import at_a_glance
from tinyvgg.figures.network import architecture, deconvolutional_network, feature_maps
from tinyvgg.figures.other_networks import heads, picture_rows
from tinyvgg.figures.pixels import active_returned, contributions, missing_pixels, pixel_counts
from tinyvgg.figures.sanity import (
    CutMap,
    class_dependence,
    cut_maps,
    order_areas,
    order_curves,
    random_layers,
)
from tinyvgg.figures.speed import precision_pairs, speed_growth, speed_ratios
from tinyvgg.figures.style import note, photograph, sign_with, signed, use_style
from tinyvgg.figures.suppression import (
    common_values,
    confidence_falls,
    probability_floors,
    probability_grid,
    shares_corrected,
    twin_faces,
    unique_features,
)
from tinyvgg.figures.tracking import feature_places, feature_rows, tracked_features, tracking_steps
from tinyvgg.figures.training import confusion_matrix, error_counts, error_curves, saved_epochs
from tinyvgg.figures.unpooling import (
    deconvolution_variants,
    unpooling_again_and_again,
    unpooling_in_a_picture,
    unpooling_in_numbers,
)
from tinyvgg.figures.verdicts import verdict_rows
