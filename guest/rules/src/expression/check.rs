//! The walk over a parsed expression: names are looked up, kinds compared, fields become slots.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, SelectExpr, SourceInfo, operators};
use cel::common::types::{CelDouble, CelInt};
use cel::parser::Parser;

use super::functions::{FUNCTIONS, SPANS, names};
use super::kind::Kind;
use super::vocabulary::{NAMES, Name, SHORT, find, is_object, snake};
use super::{Expression, Finding, Slot};
use crate::settings::hint;

/// The deepest nesting: more is no condition a person wrote.
const DEPTH: u16 = 64;

/// Where custom fields stand.
const CUSTOM: &str = "contact.fields";

pub(super) fn checked(text: &str) -> Result<Expression, Vec<Finding>> {
    let parsed = match name_alone(text) {
        Some(parsed) => Ok(parsed),
        None => Parser::new().max_recursion_depth(DEPTH).parse_with_source_info(text),
    };
    let (tree, source) =
        parsed.map_err(|errors| errors.errors.iter().map(|error| unread(text, error)).collect::<Vec<_>>())?;
    let mut check = Check { source, slots: Vec::new(), scope: Vec::new(), problems: Vec::new(), remarks: Vec::new() };
    let (kind, tree) = check.walk(&tree);
    if check.problems.is_empty() {
        Ok(Expression { tree, slots: check.slots, kind, remarks: check.remarks })
    } else {
        Err(check.problems)
    }
}

/// The tree of a text that is one of the short names and nothing else, as the parser makes it. To wake the parser takes a millisecond, and the mapping in force
/// when an operator writes none needs no more than this.
fn name_alone(text: &str) -> Option<(IdedExpr, SourceInfo)> {
    SHORT.contains(&text).then_some(())?;
    let mut source = SourceInfo::default();
    source.source = text.to_owned();
    source.add_offset(1, 0, u32::try_from(text.len() - 1).ok()?);
    Some((IdedExpr { id: 1, expr: Expr::Ident(text.to_owned()) }, source))
}

/// What the parser says of a text it cannot read. Its lines and columns count from 1 and 0.
fn unread(text: &str, error: &cel::ParseError) -> Finding {
    let (line, column) = error.pos;
    let before = usize::try_from(line - 1).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(before).map(|line| line.chars().count()).sum();
    let message = error.msg.split(" expecting ").next().unwrap_or_default().replace("<EOF>", "the end");
    let at = start + usize::try_from(column).unwrap_or(0).saturating_sub(1);
    let hint = text.contains('=').then(|| "compare with ==, join with && and ||, put texts in quotes".to_owned());
    Finding {
        at: at.min(text.chars().count()),
        length: 1,
        message: format!("this is not an expression: {message}"),
        hint,
    }
}

struct Check {
    source: SourceInfo,
    slots: Vec<Slot>,
    /// What macros named, innermost last.
    scope: Vec<(String, Kind)>,
    problems: Vec<Finding>,
    remarks: Vec<Finding>,
}

type Checked = (Kind, IdedExpr);

impl Check {
    fn walk(&mut self, node: &IdedExpr) -> Checked {
        let plain = |kind| (kind, node.clone());
        match &node.expr {
            Expr::Literal(literal) => plain(literal_kind(literal)),
            Expr::Ident(word) => match self.scope.iter().rev().find(|(name, _)| name == word) {
                Some((_, kind)) => plain(kind.clone()),
                None => self.path(node, word, false),
            },
            Expr::Select(select) => self.select(node, select),
            Expr::Call(call) => self.call(node, call),
            Expr::List(list) => self.list(node, list),
            Expr::Comprehension(comprehension) => self.comprehension(node, comprehension),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.report(node, 1, "maps and messages have no use here".to_owned(), None);
                plain(Kind::Any)
            }
        }
    }

    fn select(&mut self, node: &IdedExpr, select: &SelectExpr) -> Checked {
        if let Some((root, path)) = spelt(node)
            && !self.scope.iter().any(|(name, _)| *name == root)
        {
            return self.path(node, &path, select.test);
        }
        // A field of something that a macro named, or of an element.
        let (kind, operand) = self.walk(&select.operand);
        let field = snake(&select.field);
        let given = match &kind {
            Kind::Record(shape) => match shape.fields().iter().find(|(name, _)| *name == field) {
                Some((_, kind)) => kind.clone(),
                None => {
                    let known = shape.fields().iter().map(|(name, _)| *name);
                    let message = format!("a {} has no field `{}`", shape.word(), select.field);
                    self.report(node, select.field.len(), message, Some(hint(&field, known)));
                    Kind::Any
                }
            },
            Kind::Any => Kind::Any,
            other => {
                let message = format!("{} has no fields", other.words());
                self.report(node, select.field.len(), message, None);
                Kind::Any
            }
        };
        let rewritten = Expr::Select(SelectExpr { operand: Box::new(operand), field, test: select.test });
        (if select.test { Kind::Flag } else { given }, IdedExpr { id: node.id, expr: rewritten })
    }

    /// A name of the vocabulary, or a custom field by its key.
    fn path(&mut self, node: &IdedExpr, path: &str, test: bool) -> Checked {
        let known = |kind: Kind| if test { Kind::Flag } else { kind };
        if let Some((name, renamed)) = find(path) {
            if renamed {
                let message = format!("`{path}` is read as `{}`", name.path);
                let at = self.start(node);
                self.remarks.push(Finding { at, length: path.len(), message, hint: None });
            }
            return (known(name.kind()), self.slot(node, if test { Slot::Has(name) } else { Slot::Field(name) }));
        }
        if let Some(key) = custom_key(path) {
            let slot = if test { Slot::HasCustom(key.to_owned()) } else { Slot::Custom(key.to_owned()) };
            return (known(Kind::Any), self.slot(node, slot));
        }
        self.stranger(node, path);
        (known(Kind::Any), node.clone())
    }

    fn stranger(&mut self, node: &IdedExpr, path: &str) {
        let at = self.start(node);
        let object = path.split_once('.').map_or(path, |(object, _)| object);
        let tag_id = ["tagId", "tag_id", "tag.id"].contains(&path);
        let hint = if tag_id {
            "the CRM's tags have no ids: use `tagName`, or \"vip\" in tags.added".to_owned()
        } else if path == object && is_object(path) {
            let fields = NAMES.iter().filter_map(|name| name.path.strip_prefix(path)?.strip_prefix('.'));
            format!("name one of its fields: {}", fields.collect::<Vec<_>>().join(", "))
        } else {
            let same =
                NAMES.iter().map(|name| name.path).filter(|name| name.starts_with(&format!("{}.", snake(object))));
            let all = SHORT.into_iter().chain(NAMES.iter().map(|name| name.path));
            let nearest =
                if same.clone().next().is_some() { hint(&snake(path), same) } else { hint(&snake(path), all) };
            match object {
                "contact" => format!("{nearest}; a custom field is contact.fields.KEY"),
                _ => nearest,
            }
        };
        let message = format!("there is no `{path}`");
        self.problems.push(Finding { at, length: path.chars().count(), message, hint: Some(hint) });
    }

    fn slot(&mut self, node: &IdedExpr, slot: Slot) -> IdedExpr {
        self.slots.push(slot);
        IdedExpr { id: node.id, expr: Expr::Ident(super::evaluate::slot_name(self.slots.len() - 1)) }
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Checked {
        // contact.fields["Some key"]
        if call.func_name == operators::INDEX
            && let [list, key] = call.args.as_slice()
            && let Some((_, path)) = spelt(list)
            && path == CUSTOM
        {
            if let Expr::Literal(LiteralValue::String(key)) = &key.expr {
                let slot = Slot::Custom(key.inner().to_owned());
                return (Kind::Any, self.slot(node, slot));
            }
            self.report(key, 1, "a custom field is named by a text in quotes".to_owned(), None);
            return (Kind::Any, node.clone());
        }
        if let Some((_, seconds)) = SPANS.into_iter().find(|(name, _)| *name == call.func_name && call.target.is_none())
        {
            return self.span(node, call, seconds);
        }
        let target = call.target.as_ref().map(|target| self.walk(target));
        let mut args: Vec<Checked> = call.args.iter().map(|arg| self.walk(arg)).collect();
        let (kind, name) = match operator(&call.func_name) {
            true => self.operator(node, &call.func_name, &mut args),
            false => (self.function(node, &call.func_name, target.as_ref(), &args), call.func_name.clone()),
        };
        let rewritten = CallExpr {
            func_name: name,
            target: target.map(|(_, target)| Box::new(target)),
            args: args.into_iter().map(|(_, arg)| arg).collect(),
        };
        (kind, IdedExpr { id: node.id, expr: Expr::Call(rewritten) })
    }

    fn span(&mut self, node: &IdedExpr, call: &CallExpr, seconds: i64) -> Checked {
        if let [IdedExpr { expr: Expr::Literal(LiteralValue::Int(count)), .. }] = call.args.as_slice() {
            let literal = LiteralValue::Int(CelInt::from(count.inner().saturating_mul(seconds)));
            return (Kind::Whole, IdedExpr { id: node.id, expr: Expr::Literal(literal) });
        }
        let message = format!("`{}` takes one whole number", call.func_name);
        self.report(node, 1, message, Some(format!("{}(7)", call.func_name)));
        (Kind::Whole, node.clone())
    }

    fn function(&mut self, node: &IdedExpr, name: &str, target: Option<&Checked>, args: &[Checked]) -> Kind {
        let mut near = FUNCTIONS.iter().filter(|function| function.name == name).peekable();
        if near.peek().is_none() {
            let hint = match name {
                "matches" => "patterns are not supported: use contains, startsWith or endsWith".to_owned(),
                _ => hint(name, names()),
            };
            self.report(node, 1, format!("there is no function `{name}`"), Some(hint));
            return Kind::Any;
        }
        let fits = |function: &&super::functions::Function| {
            function.on.is_some() == target.is_some()
                && function.on.zip(target).is_none_or(|(on, (kind, _))| on.accepts(kind))
                && function.takes.len() == args.len()
                && function.takes.iter().zip(args).all(|(takes, (kind, _))| takes.accepts(kind))
        };
        if let Some(function) = near.find(fits) {
            return function.gives.kind();
        }
        let wanted = |function: &super::functions::Function| {
            let takes: Vec<_> = function.takes.iter().map(|takes| takes.words()).collect();
            let on = function.on.map(|on| format!("{}.", on.words())).unwrap_or_default();
            format!("{on}{name}({})", takes.join(", "))
        };
        let forms: Vec<_> = FUNCTIONS.iter().filter(|function| function.name == name).map(wanted).collect();
        let given: Vec<_> = target.into_iter().chain(args).map(|(kind, _)| kind.words()).collect();
        let message = format!(
            "`{name}` does not go with {}",
            if given.is_empty() { "nothing".to_owned() } else { given.join(", ") }
        );
        self.report(node, 1, message, Some(forms.join(" or ")));
        Kind::Any
    }

    fn list(&mut self, node: &IdedExpr, list: &ListExpr) -> Checked {
        let items: Vec<Checked> = list.elements.iter().map(|item| self.walk(item)).collect();
        let mut kinds = items.iter().map(|(kind, _)| kind.clone());
        let first = kinds.next().unwrap_or(Kind::Any);
        let kind = if kinds.all(|kind| kind == first) { first } else { Kind::Any };
        let rewritten = ListExpr { elements: items.into_iter().map(|(_, item)| item).collect(), ..list.clone() };
        (Kind::List(Box::new(kind)), IdedExpr { id: node.id, expr: Expr::List(rewritten) })
    }

    /// What `exists`, `all`, `filter` and `map` become: a fold over a list.
    fn comprehension(&mut self, node: &IdedExpr, fold: &ComprehensionExpr) -> Checked {
        let (range, iter_range) = self.walk(&fold.iter_range);
        let item = match range {
            Kind::List(item) => *item,
            Kind::Any => Kind::Any,
            other => {
                self.report(&fold.iter_range, 1, format!("a list is wanted here, not {}", other.words()), None);
                Kind::Any
            }
        };
        let (_, accu_init) = self.walk(&fold.accu_init);
        let depth = self.scope.len();
        self.scope.push((fold.iter_var.clone(), item));
        // What is gathered takes its kind from the steps; `result` says what comes of it.
        let gathered = match &fold.accu_init.expr {
            Expr::Literal(literal) => literal_kind(literal),
            Expr::List(_) => Kind::List(Box::new(Kind::Any)),
            _ => Kind::Any,
        };
        self.scope.push((fold.accu_var.clone(), gathered));
        let (_, loop_cond) = self.walk(&fold.loop_cond);
        let (_, loop_step) = self.walk(&fold.loop_step);
        let (kind, result) = self.walk(&fold.result);
        self.scope.truncate(depth);
        let fold = ComprehensionExpr { iter_range, accu_init, loop_cond, loop_step, result, ..fold.clone() };
        (kind, IdedExpr { id: node.id, expr: Expr::Comprehension(Box::new(fold)) })
    }

    fn report(&mut self, node: &IdedExpr, length: usize, message: String, hint: Option<String>) {
        let (at, stop) =
            self.source.offset_for(node.id).map_or((0, 0), |(start, stop)| (start as usize, stop as usize));
        let length = length.max((stop + 1).saturating_sub(at));
        self.problems.push(Finding { at, length, message, hint });
    }

    /// Where the text of a node begins: a selection is placed at its dot.
    fn start(&self, node: &IdedExpr) -> usize {
        match &node.expr {
            Expr::Select(select) => self.start(&select.operand),
            _ => self.source.offset_for(node.id).map_or(0, |(start, _)| start as usize),
        }
    }
}

mod operator;

use operator::operator;

fn literal_kind(literal: &LiteralValue) -> Kind {
    match literal {
        LiteralValue::Boolean(_) => Kind::Flag,
        LiteralValue::Double(_) => Kind::Number,
        LiteralValue::Int(_) | LiteralValue::UInt(_) => Kind::Whole,
        LiteralValue::Null => Kind::Nothing,
        LiteralValue::String(_) => Kind::Text,
        LiteralValue::Bytes(_) => Kind::Any,
    }
}

/// The dotted path a node spells, and its first word.
fn spelt(node: &IdedExpr) -> Option<(String, String)> {
    match &node.expr {
        Expr::Ident(word) => Some((word.clone(), word.clone())),
        Expr::Select(select) => {
            let (root, path) = spelt(&select.operand)?;
            Some((root, format!("{path}.{}", select.field)))
        }
        _ => None,
    }
}

/// The key in `contact.fields.KEY`. A path may go on below it no further.
fn custom_key(path: &str) -> Option<&str> {
    path.strip_prefix(CUSTOM)?.strip_prefix('.').filter(|key| !key.contains('.'))
}

/// A whole number written where a fraction is wanted: CEL does not mix the two, people do.
fn as_number(node: &mut IdedExpr) -> bool {
    if let Expr::Literal(LiteralValue::Int(whole)) = &node.expr {
        let number = *whole.inner() as f64;
        node.expr = Expr::Literal(LiteralValue::Double(CelDouble::from(number)));
        return true;
    }
    false
}

/// Whether a slot stands for the tags of the fact at hand, which people compare as if there were one.
fn is_changed_tags(slots: &[Slot], node: &IdedExpr) -> bool {
    let Expr::Ident(word) = &node.expr else { return false };
    let slot = super::evaluate::slot_of(word).and_then(|index| slots.get(index));
    matches!(slot, Some(Slot::Field(Name { path: "tags.changed", .. })))
}

#[cfg(test)]
mod tests;
