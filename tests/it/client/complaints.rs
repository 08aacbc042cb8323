//! What users of other clients complain of.
