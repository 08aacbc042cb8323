//! Cycles in a directed graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter;

/// The nodes that each node leads to.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// One shortest cycle through each group of nodes that reach each other (each strongly connected
/// component of more than one node), as the nodes in order.
pub(super) fn cycles(graph: &Graph) -> Vec<Vec<String>> {
    let mut done = BTreeSet::new();
    let mut cycles = Vec::new();
    for start in graph.keys() {
        if done.contains(start) {
            continue;
        }
        let Some(cycle) = shortest_cycle(graph, start) else {
            continue;
        };
        let reached = reachable(graph, start);
        done.extend(
            reached
                .into_iter()
                .filter(|node| reachable(graph, node).contains(start)),
        );
        cycles.push(cycle);
    }
    cycles
}

/// The shortest way from `start` to itself.
fn shortest_cycle(graph: &Graph, start: &str) -> Option<Vec<String>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        for next in graph.get(node).into_iter().flatten() {
            if next == start && node != start {
                let way = iter::successors(Some(node), |node| before.get(node).copied());
                let mut way: Vec<String> = way.map(str::to_owned).collect();
                way.reverse();
                return Some(way);
            }
            if next != start && !before.contains_key(&**next) {
                before.insert(next, node);
                open.push_back(next);
            }
        }
    }
    None
}

fn reachable(graph: &Graph, start: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start.to_owned()];
    while let Some(node) = open.pop() {
        for next in graph.get(&node).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::{Graph, cycles};

    /// Edges as in `ab`, from a to b; cycles as in `abc`.
    #[track_caller]
    fn check(edges: &[&str], expected: &[&str]) {
        let mut graph = Graph::new();
        for edge in edges {
            let (from, to) = edge.split_at(1);
            graph
                .entry(from.to_owned())
                .or_default()
                .insert(to.to_owned());
        }
        let found: Vec<String> = cycles(&graph).iter().map(|cycle| cycle.concat()).collect();
        assert_eq!(found, expected, "{edges:?}");
    }

    #[test]
    fn each_cycle_is_found_once() {
        check(&[], &[]);
        check(&["ab", "bc", "ac"], &[]);
        check(&["ab", "ba"], &["ab"]);
        check(&["ab", "bc", "ca"], &["abc"]);
        check(&["ab", "bc", "cb"], &["bc"]);
        check(&["ab", "ba", "bc", "cd", "dc"], &["ab", "cd"]);
        check(&["ab", "bc", "ca", "cd", "da"], &["abc"]);
        check(&["aa"], &[]);
    }
}
