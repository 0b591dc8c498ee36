//! Rows of a report as a Parquet file: flat, every column optional, moments as UTC timestamps of milliseconds.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

/// Rows of one row group: enough that a column's values lie together, and few enough to be held.
const GROUP: usize = 20_000;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8 text.
    Text,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// Milliseconds since the Unix epoch.
    Moment,
}

/// A file that is being written.
pub(super) struct Table<W: Write + Send> {
    columns: Vec<(&'static str, Kind)>,
    writer: SerializedFileWriter<W>,
    rows: Vec<Value>,
}

impl<W: Write + Send> Table<W> {
    /// Begins a file with these columns.
    pub(super) fn begin(out: W, columns: Vec<(&'static str, Kind)>) -> anyhow::Result<Self> {
        let column = |(name, kind): &(&str, Kind)| match kind {
            Kind::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
            Kind::Whole => format!("OPTIONAL INT64 {name};"),
            Kind::Number => format!("OPTIONAL DOUBLE {name};"),
            Kind::Moment => format!("OPTIONAL INT64 {name} (TIMESTAMP(MILLIS,true));"),
        };
        let message = format!("message told {{ {} }}", columns.iter().map(column).collect::<String>());
        let schema = Arc::new(parse_message_type(&message).context("the columns make no schema")?);
        let about = Arc::new(WriterProperties::builder().set_created_by("convey".to_owned()).build());
        let writer = SerializedFileWriter::new(out, schema, about).context("cannot begin the file")?;
        Ok(Self { columns, writer, rows: Vec::new() })
    }

    /// Takes a row.
    pub(super) fn take(&mut self, row: Value) -> anyhow::Result<()> {
        self.rows.push(row);
        if self.rows.len() >= GROUP { self.write() } else { Ok(()) }
    }

    /// Writes what is left, and the foot without which the file cannot be read.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        if !self.rows.is_empty() {
            self.write()?;
        }
        self.writer.close().context("cannot end the file")?;
        Ok(())
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.writer.next_row_group().context("cannot write rows")?;
        for (name, kind) in &self.columns {
            let values = || rows.iter().map(|row| &row[*name]);
            let Some(mut column) = group.next_column().context("cannot write a column")? else { break };
            let written = match kind {
                Kind::Text => {
                    put::<ByteArrayType>(&mut column, values().map(|value| value.as_str().map(ByteArray::from)))
                }
                Kind::Number => put::<DoubleType>(&mut column, values().map(Value::as_f64)),
                Kind::Whole | Kind::Moment => put::<Int64Type>(&mut column, values().map(Value::as_i64)),
            };
            written.and_then(|()| column.close()).with_context(|| format!("cannot write the column {name}"))?;
        }
        group.close().context("cannot write rows")?;
        Ok(())
    }
}

/// One column's values; what is missing has the definition level 0.
fn put<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    column.typed::<T>().write_batch(&there, Some(&levels), None).map(|_| ())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use serde_json::json;

    use super::{GROUP, Kind, Table};

    #[test]
    fn what_is_written_is_read_and_what_is_missing_stays_missing() {
        let columns = vec![("id", Kind::Text), ("told_at", Kind::Moment), ("value", Kind::Number), ("n", Kind::Whole)];
        let mut file = Vec::new();
        let mut table = Table::begin(&mut file, columns).expect("a file");
        for n in 0..=GROUP {
            let row = json!({"id": format!("é{n}"), "told_at": 1_796_119_200_000_u64, "value": null, "n": n});
            table.take(row).expect("a row");
        }
        table.end().expect("a whole file");
        let reader = SerializedFileReader::new(Bytes::from(file)).expect("a Parquet file");
        assert_eq!((reader.num_row_groups(), reader.metadata().file_metadata().num_rows()), (2, GROUP as i64 + 1));
        let last = reader.get_row_iter(None).expect("rows").last().expect("a row").expect("a row");
        let fields: Vec<Field> = last.into_columns().into_iter().map(|(_, field)| field).collect();
        let wanted = [
            Field::Str(format!("é{GROUP}")),
            Field::TimestampMillis(1_796_119_200_000),
            Field::Null,
            Field::Long(GROUP as i64),
        ];
        assert_eq!(fields, wanted);
    }
}
