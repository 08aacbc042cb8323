//! What is allowed in a script, but surely not meant.

use crate::classic::script::Script;
use crate::problem::Problem;

pub(super) fn lint(_: &Script) -> Vec<Problem> {
    Vec::new()
}
