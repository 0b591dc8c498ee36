//! Operators: what goes with what, and what comes of it.

use cel::IdedExpr;
use cel::common::ast::operators;

use super::{Check, Checked, as_number, is_changed_tags};
use crate::expression::kind::Kind;

/// Whether a call is an operator.
pub(super) fn operator(name: &str) -> bool {
    name.contains('_') && name.chars().all(|c| !c.is_alphanumeric()) || name.starts_with('@')
}

/// As people write them.
fn sign(name: &str) -> String {
    match name {
        operators::IN => "in".to_owned(),
        other => other.replace('_', "").replace("[]", "[…]"),
    }
}

impl Check {
    /// What an operator gives, and the operator it is: comparing tags as if there were one asks whether it is among them.
    pub(super) fn operator(&mut self, node: &IdedExpr, name: &str, args: &mut [Checked]) -> (Kind, String) {
        let same = name.to_owned();
        if let [left, right] = args {
            if matches!(name, operators::EQUALS | operators::NOT_EQUALS)
                && left.0.can_equal(&Kind::Text) != right.0.can_equal(&Kind::Text)
            {
                if is_changed_tags(&self.slots, &right.1) && left.0 == Kind::Text && name == operators::EQUALS {
                    return (Kind::Flag, operators::IN.to_owned());
                }
                if is_changed_tags(&self.slots, &left.1) && right.0 == Kind::Text && name == operators::EQUALS {
                    std::mem::swap(left, right);
                    return (Kind::Flag, operators::IN.to_owned());
                }
            }
            return (self.binary(node, name, left, right), same);
        }
        let kinds: Vec<Kind> = args.iter().map(|(kind, _)| kind.clone()).collect();
        let kind = match (name, kinds.as_slice()) {
            (operators::LOGICAL_NOT, [Kind::Flag | Kind::Any]) => Kind::Flag,
            (operators::NOT_STRICTLY_FALSE, [_]) => Kind::Flag,
            (operators::NEGATE, [kind @ (Kind::Number | Kind::Whole | Kind::Any)]) => kind.clone(),
            (operators::CONDITIONAL, [Kind::Flag | Kind::Any, yes, no]) if yes == no => yes.clone(),
            (operators::CONDITIONAL, [Kind::Flag | Kind::Any, yes, no]) => match (yes, no) {
                (Kind::Nothing, kind) | (kind, Kind::Nothing) => kind.clone(),
                _ => Kind::Any,
            },
            _ => self.misfit(node, name, &kinds, None),
        };
        (kind, same)
    }

    fn binary(&mut self, node: &IdedExpr, name: &str, left: &mut Checked, right: &mut Checked) -> Kind {
        use Kind::{Any, Flag, List, Number, Text, Time, Whole};
        // 100 beside a number with a fraction is meant as 100.0.
        if left.0 == Number && right.0 == Whole && as_number(&mut right.1) {
            right.0 = Number;
        }
        if right.0 == Number && left.0 == Whole && as_number(&mut left.1) {
            left.0 = Number;
        }
        let (a, b) = (left.0.clone(), right.0.clone());
        match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR => {
                let stranger =
                    [(&a, &left.1), (&b, &right.1)].into_iter().find(|(kind, _)| !matches!(kind, Flag | Any));
                if let Some((kind, part)) = stranger {
                    let part = part.clone();
                    let message = format!("a condition is wanted here, not {}", kind.words());
                    self.report(&part, 1, message, Some("compare it with something, or ask has(…)".to_owned()));
                }
                Flag
            }
            operators::EQUALS | operators::NOT_EQUALS if a.can_equal(&b) => Flag,
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS
                if (a.is_number() && b.is_number()) || (a.may_be(&Text) && b.may_be(&Text)) =>
            {
                Flag
            }
            operators::IN => match (&a, &b) {
                (_, Any) => Flag,
                (item, List(known)) if item.can_equal(known) => Flag,
                // tagName in ["vip", "gold"]
                (List(_), List(known)) if known.may_be(&Text) => {
                    let hint = "ask for one of them: contact.tags.exists(tag, tag in [\"vip\", \"gold\"])";
                    self.misfit(node, name, &[a, b], Some(hint.to_owned()))
                }
                _ => self.misfit(node, name, &[a, b], None),
            },
            operators::INDEX => match (a, b) {
                (List(item), Whole | Any) => *item,
                (Any, _) => Any,
                (a, b) => self.misfit(node, name, &[a, b], None),
            },
            operators::ADD => match (a, b) {
                (Text, Text) => Text,
                (Time, Whole) | (Whole, Time) => Time,
                (List(a), List(b)) => List(Box::new(if a == b { *a } else { Any })),
                (a, b) => self.arithmetic(node, name, a, b),
            },
            operators::SUBSTRACT => match (a, b) {
                (Time, Time) => Whole,
                (Time, Whole) => Time,
                (a, b) => self.arithmetic(node, name, a, b),
            },
            operators::MULTIPLY | operators::DIVIDE => self.arithmetic(node, name, a, b),
            operators::MODULO if matches!((&a, &b), (Whole | Any, Whole | Any)) => Whole,
            _ => {
                let hint = match (name, &a, &b) {
                    (operators::EQUALS | operators::NOT_EQUALS, List(_), Text)
                    | (operators::EQUALS | operators::NOT_EQUALS, Text, List(_)) => {
                        Some("ask whether it is in the list: \"vip\" in contact.tags".to_owned())
                    }
                    _ => None,
                };
                self.misfit(node, name, &[a, b], hint)
            }
        }
    }

    fn arithmetic(&mut self, node: &IdedExpr, name: &str, a: Kind, b: Kind) -> Kind {
        match (&a, &b) {
            (Kind::Number, Kind::Number) => Kind::Number,
            (Kind::Whole, Kind::Whole) => Kind::Whole,
            (Kind::Any, kind @ (Kind::Number | Kind::Whole | Kind::Text | Kind::Any))
            | (kind @ (Kind::Number | Kind::Whole | Kind::Text), Kind::Any) => kind.clone(),
            (Kind::Number, Kind::Whole) | (Kind::Whole, Kind::Number) => {
                self.misfit(node, name, &[a, b], Some("make both fractions: double(…)".to_owned()))
            }
            _ => self.misfit(node, name, &[a, b], None),
        }
    }

    fn misfit(&mut self, node: &IdedExpr, name: &str, kinds: &[Kind], hint: Option<String>) -> Kind {
        let words: Vec<_> = kinds.iter().map(Kind::words).collect();
        self.report(node, 1, format!("`{}` does not go with {}", sign(name), words.join(" and ")), hint);
        Kind::Any
    }
}
