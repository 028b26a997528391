-- The schema that analysts ask about the release. Run when it is not there yet, or was made from another text.

CREATE TABLE _catalog.tables (
    name VARCHAR, description VARCHAR, owner VARCHAR, rows BIGINT, release INTEGER, published_at TIMESTAMPTZ,
    licence VARCHAR, purposes VARCHAR[], fingerprint VARCHAR, state VARCHAR, reason VARCHAR, changed_in INTEGER
);
COMMENT ON TABLE _catalog.tables IS 'One row for each table of this release';
COMMENT ON COLUMN _catalog.tables.name IS 'Table in schema main';
COMMENT ON COLUMN _catalog.tables.description IS 'What a row stands for';
COMMENT ON COLUMN _catalog.tables.owner IS 'Who answers for the data';
COMMENT ON COLUMN _catalog.tables.rows IS 'Rows in this release';
COMMENT ON COLUMN _catalog.tables.release IS 'Number of this release: the same for all tables, they become visible together';
COMMENT ON COLUMN _catalog.tables.published_at IS 'When this release was published';
COMMENT ON COLUMN _catalog.tables.licence IS 'Licence of the data';
COMMENT ON COLUMN _catalog.tables.purposes IS 'What the data may be used for; empty: nothing is declared';
COMMENT ON COLUMN _catalog.tables.fingerprint IS 'Digest of the content, where one is computed';
COMMENT ON COLUMN _catalog.tables.state IS 'published: brought up to date by this release; held, failed: last good content is kept (see reason); carried: not asked for; new: nothing published yet';
COMMENT ON COLUMN _catalog.tables.reason IS 'Why the table is held or failed';
COMMENT ON COLUMN _catalog.tables.changed_in IS 'The release that last changed the content of this table';

CREATE TABLE _catalog.columns (
    "table" VARCHAR, "column" VARCHAR, type VARCHAR, unit VARCHAR, description VARCHAR, term VARCHAR, pii VARCHAR,
    key BOOLEAN, nullable BOOLEAN, null_share DOUBLE, "distinct" BIGINT, min VARCHAR, max VARCHAR,
    "references" VARCHAR, position INTEGER, statistics_of INTEGER
);
COMMENT ON TABLE _catalog.columns IS 'One row for each column of each table; statistics of a large table are computed again once 5 % of its rows have changed';
COMMENT ON COLUMN _catalog.columns."table" IS 'Table in schema main';
COMMENT ON COLUMN _catalog.columns."column" IS 'Column; names that start with _ tell where a row came from';
COMMENT ON COLUMN _catalog.columns.type IS 'DuckDB type';
COMMENT ON COLUMN _catalog.columns.unit IS 'Unit of the values';
COMMENT ON COLUMN _catalog.columns.description IS 'What the column means';
COMMENT ON COLUMN _catalog.columns.term IS 'The organisation''s own term for it';
COMMENT ON COLUMN _catalog.columns.pii IS 'Class of personal data, if it is any';
COMMENT ON COLUMN _catalog.columns.key IS 'Part of the key';
COMMENT ON COLUMN _catalog.columns.nullable IS 'Whether the contract allows missing values';
COMMENT ON COLUMN _catalog.columns.null_share IS 'Share of rows without a value, 0 to 1';
COMMENT ON COLUMN _catalog.columns."distinct" IS 'How many different values, approximately';
COMMENT ON COLUMN _catalog.columns.min IS 'Smallest value as text; empty for personal data and nested types';
COMMENT ON COLUMN _catalog.columns.max IS 'Largest value as text; empty for personal data and nested types';
COMMENT ON COLUMN _catalog.columns."references" IS 'table.column whose values this column holds';
COMMENT ON COLUMN _catalog.columns.position IS 'Position in the table, from 1';
COMMENT ON COLUMN _catalog.columns.statistics_of IS 'Release whose data null_share, distinct, min and max describe';

CREATE TABLE _catalog.promises (
    "table" VARCHAR, data_as_of TIMESTAMPTZ, published_at TIMESTAMPTZ, deadline VARCHAR, max_age_s BIGINT,
    late_after TIMESTAMPTZ, fresh_reason VARCHAR, late_reason VARCHAR, trouble VARCHAR
);
COMMENT ON TABLE _catalog.promises IS 'What is promised about each table, and when the promise breaks; the view freshness tells the state now';
COMMENT ON COLUMN _catalog.promises."table" IS 'Table in schema main';
COMMENT ON COLUMN _catalog.promises.data_as_of IS 'Clock of the source when the last complete pull that the release contains began';
COMMENT ON COLUMN _catalog.promises.published_at IS 'When the table was last brought up to date';
COMMENT ON COLUMN _catalog.promises.deadline IS 'Cron expression and time zone: at each of these times data is from after the one before';
COMMENT ON COLUMN _catalog.promises.max_age_s IS 'How many seconds old data may be';
COMMENT ON COLUMN _catalog.promises.late_after IS 'The moment from which the data of this release is late';
COMMENT ON COLUMN _catalog.promises.fresh_reason IS 'What the view freshness says while the promise is kept';
COMMENT ON COLUMN _catalog.promises.late_reason IS 'What the view freshness says from then on';
COMMENT ON COLUMN _catalog.promises.trouble IS 'Why the table was not brought up to date by this release';

CREATE VIEW _catalog.freshness AS
SELECT
    "table", data_as_of, published_at, deadline, late_after, state,
    CASE WHEN age_s >= 86400 THEN (age_s // 86400) || ' d ' ELSE '' END
        || ((age_s % 86400) // 3600) || ' h ' || ((age_s % 3600) // 60) || ' min' AS age,
    CASE WHEN state = 'late' THEN late_reason ELSE fresh_reason END || coalesce('; ' || trouble, '') AS reason,
    age_s, max_age_s
FROM (
    SELECT
        *, date_diff('second', data_as_of, now()) AS age_s,
        CASE
            WHEN deadline IS NULL AND max_age_s IS NULL THEN 'no promise'
            WHEN data_as_of IS NULL OR now() > late_after THEN 'late'
            ELSE 'fresh'
        END AS state
    FROM _catalog.promises
);
COMMENT ON VIEW _catalog.freshness IS 'How old the data of each table is, and whether that keeps what was promised: computed when you ask';
COMMENT ON COLUMN _catalog.freshness."table" IS 'Table in schema main';
COMMENT ON COLUMN _catalog.freshness.data_as_of IS 'Clock of the source when the last complete pull that the release contains began; of a derived table: the oldest of its inputs';
COMMENT ON COLUMN _catalog.freshness.published_at IS 'When the table was last brought up to date';
COMMENT ON COLUMN _catalog.freshness.deadline IS 'Cron expression and time zone: at each of these times data is from after the one before';
COMMENT ON COLUMN _catalog.freshness.late_after IS 'The moment from which the data of this release is late';
COMMENT ON COLUMN _catalog.freshness.state IS 'fresh, late or no promise, now';
COMMENT ON COLUMN _catalog.freshness.age IS 'Time since data_as_of, now, in words';
COMMENT ON COLUMN _catalog.freshness.reason IS 'Why the state is so, in one sentence; and what kept the table from being brought up to date';
COMMENT ON COLUMN _catalog.freshness.age_s IS 'Seconds since data_as_of, now';
COMMENT ON COLUMN _catalog.freshness.max_age_s IS 'How many seconds old data may be';

CREATE TABLE _catalog.quality (
    run VARCHAR, "table" VARCHAR, rule VARCHAR, "column" VARCHAR, severity VARCHAR, checked BIGINT, failed BIGINT,
    stale_keys BIGINT, measured VARCHAR
);
COMMENT ON TABLE _catalog.quality IS 'What each rule found in each run: in all that was looked at, also where the table was held then and its last good content stays';
COMMENT ON COLUMN _catalog.quality.run IS 'Run that judged the records';
COMMENT ON COLUMN _catalog.quality."table" IS 'Table in schema main';
COMMENT ON COLUMN _catalog.quality.rule IS 'Name of the rule';
COMMENT ON COLUMN _catalog.quality."column" IS 'Column it is about; empty: the whole record or table';
COMMENT ON COLUMN _catalog.quality.severity IS 'error: a failing record is quarantined; warn: it is counted and published';
COMMENT ON COLUMN _catalog.quality.checked IS 'Records checked; 1 where a rule gives one verdict on the whole table';
COMMENT ON COLUMN _catalog.quality.failed IS 'Records that failed';
COMMENT ON COLUMN _catalog.quality.measured IS 'Of a rule of the whole table: what it measures, and the bounds; several of one name on one column differ in it';
COMMENT ON COLUMN _catalog.quality.stale_keys IS 'Keys still published in an older, good version because the newer record failed';

CREATE TABLE _catalog.quarantine ("table" VARCHAR, rule VARCHAR, open BIGINT, oldest TIMESTAMPTZ);
COMMENT ON TABLE _catalog.quarantine IS 'Records kept aside because of each rule; a record that breaks two rules counts under both. Values are never shown here';
COMMENT ON COLUMN _catalog.quarantine."table" IS 'Table in schema main';
COMMENT ON COLUMN _catalog.quarantine.rule IS 'Name of the rule';
COMMENT ON COLUMN _catalog.quarantine.open IS 'Records that wait to be mended';
COMMENT ON COLUMN _catalog.quarantine.oldest IS 'Since when the oldest of them waits';

CREATE TABLE _catalog.lineage (
    "table" VARCHAR, "column" VARCHAR, input VARCHAR, input_column VARCHAR, transformation VARCHAR, kind VARCHAR,
    origin VARCHAR
);
COMMENT ON TABLE _catalog.lineage IS 'Where each column comes from: one row for each input column, in the sources and, for derived tables, in the tables that their query reads';
COMMENT ON COLUMN _catalog.lineage."table" IS 'Table in schema main';
COMMENT ON COLUMN _catalog.lineage."column" IS 'Column; empty: the input decides which rows the table has';
COMMENT ON COLUMN _catalog.lineage.input IS 'origin source: where the object stands (server and table, file, address); origin table: a table in schema main; empty: the column has no input, see transformation';
COMMENT ON COLUMN _catalog.lineage.input_column IS 'Column of the input';
COMMENT ON COLUMN _catalog.lineage.transformation IS 'IDENTITY, TRANSFORMATION, AGGREGATION; JOIN, FILTER, GROUP_BY, SORT, WINDOW, CONDITIONAL; UNKNOWN: the query could not be read, so every input column is named; then how, in words';
COMMENT ON COLUMN _catalog.lineage.kind IS 'direct: the value goes into the column; indirect: it decides which rows or values there are';
COMMENT ON COLUMN _catalog.lineage.origin IS 'source: all the way back; table: one step back, for derived tables';

CREATE TABLE _catalog.runs (
    run_id VARCHAR, night VARCHAR, kind VARCHAR, started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ, exit INTEGER
);
COMMENT ON TABLE _catalog.runs IS 'Runs up to this release';
COMMENT ON COLUMN _catalog.runs.run_id IS 'Run id';
COMMENT ON COLUMN _catalog.runs.night IS 'The pass that the run belongs to: pulling and publishing share it';
COMMENT ON COLUMN _catalog.runs.kind IS 'ingest, publish or rollback';
COMMENT ON COLUMN _catalog.runs.started_at IS 'When it began';
COMMENT ON COLUMN _catalog.runs.finished_at IS 'When it ended; empty: this release was made while it went on';
COMMENT ON COLUMN _catalog.runs.exit IS 'Exit code: 0 as asked, 1 nothing published, 3 published with holds or failed sources';

CREATE TABLE _catalog.conservation (
    run_id VARCHAR, release INTEGER, "table" VARCHAR, recorded_at TIMESTAMPTZ, state VARCHAR, reason VARCHAR,
    pulled BIGINT, replayed BIGINT, pending_before BIGINT, inserted BIGINT, updated BIGINT, unchanged BIGINT,
    duplicate BIGINT, superseded BIGINT, deleted BIGINT, quarantined BIGINT, pending_after BIGINT,
    closed BIGINT, removed BIGINT, rows_before BIGINT, rows_after BIGINT, open_before BIGINT,
    superseded_open BIGINT, discarded BIGINT, open_after BIGINT
);
COMMENT ON TABLE _catalog.conservation IS 'Where every record of each run went: pulled + replayed + pending_before = inserted + updated + unchanged + duplicate + superseded + deleted + quarantined + pending_after; rows_before + inserted - closed - removed = rows_after; open_before + quarantined - replayed - superseded_open - discarded = open_after';
COMMENT ON COLUMN _catalog.conservation.run_id IS 'Run that published';
COMMENT ON COLUMN _catalog.conservation.release IS 'Release it made';
COMMENT ON COLUMN _catalog.conservation."table" IS 'Table in schema main';
COMMENT ON COLUMN _catalog.conservation.recorded_at IS 'When';
COMMENT ON COLUMN _catalog.conservation.state IS 'published, held, failed, carried or new';
COMMENT ON COLUMN _catalog.conservation.reason IS 'Why the table is held or failed';
COMMENT ON COLUMN _catalog.conservation.pulled IS 'Records pulled since the table''s last balance';
COMMENT ON COLUMN _catalog.conservation.replayed IS 'Records that came back from quarantine';
COMMENT ON COLUMN _catalog.conservation.pending_before IS 'Good records that waited before';
COMMENT ON COLUMN _catalog.conservation.inserted IS 'Records with a new key';
COMMENT ON COLUMN _catalog.conservation.updated IS 'Records that changed a published row';
COMMENT ON COLUMN _catalog.conservation.unchanged IS 'Records equal to the published row';
COMMENT ON COLUMN _catalog.conservation.duplicate IS 'Records that came twice';
COMMENT ON COLUMN _catalog.conservation.superseded IS 'Records older than another of the same key';
COMMENT ON COLUMN _catalog.conservation.deleted IS 'Records that say that a key was deleted';
COMMENT ON COLUMN _catalog.conservation.quarantined IS 'Records set aside';
COMMENT ON COLUMN _catalog.conservation.pending_after IS 'Good records that wait for the next publish';
COMMENT ON COLUMN _catalog.conservation.closed IS 'Rows that left because their key was deleted';
COMMENT ON COLUMN _catalog.conservation.removed IS 'Rows that left because a complete pull no longer had them';
COMMENT ON COLUMN _catalog.conservation.rows_before IS 'Rows of the release before';
COMMENT ON COLUMN _catalog.conservation.rows_after IS 'Rows of this release';
COMMENT ON COLUMN _catalog.conservation.open_before IS 'Records in quarantine before';
COMMENT ON COLUMN _catalog.conservation.superseded_open IS 'Records that left quarantine because a newer one took their place';
COMMENT ON COLUMN _catalog.conservation.discarded IS 'Records that a person discarded';
COMMENT ON COLUMN _catalog.conservation.open_after IS 'Records in quarantine after';

CREATE TABLE _catalog.releases (
    release INTEGER, run_id VARCHAR, published_at TIMESTAMPTZ, previous INTEGER, tables INTEGER, rows BIGINT
);
COMMENT ON COLUMN _catalog.releases.release IS 'Number; one that is missing was taken back or never finished';
COMMENT ON COLUMN _catalog.releases.run_id IS 'Run that published it';
COMMENT ON COLUMN _catalog.releases.published_at IS 'When it was published';
COMMENT ON COLUMN _catalog.releases.previous IS 'The release it was made from';
COMMENT ON COLUMN _catalog.releases.tables IS 'How many tables it has';
COMMENT ON COLUMN _catalog.releases.rows IS 'How many rows they have together';

CREATE TABLE _catalog.batches (
    batch BIGINT, source VARCHAR, object VARCHAR, file VARCHAR, pulled_at TIMESTAMPTZ, run_id VARCHAR
);
COMMENT ON TABLE _catalog.batches IS 'Where the rows of each batch came from: join on _batch';
COMMENT ON COLUMN _catalog.batches.batch IS 'Number in the column _batch of the tables';
COMMENT ON COLUMN _catalog.batches.source IS 'The connection it was pulled from';
COMMENT ON COLUMN _catalog.batches.object IS 'Table, endpoint or file pattern in the source';
COMMENT ON COLUMN _catalog.batches.file IS 'File, where the source is files';
COMMENT ON COLUMN _catalog.batches.pulled_at IS 'When the pull began';
COMMENT ON COLUMN _catalog.batches.run_id IS 'Run that pulled it';
