CREATE SCHEMA lake;
CREATE TABLE lake.ducklake_column (
    column_id bigint,
    begin_snapshot bigint,
    end_snapshot bigint,
    table_id bigint,
    column_order bigint,
    column_name character varying,
    column_type character varying,
    initial_default character varying,
    default_value character varying,
    nulls_allowed boolean,
    parent_column bigint,
    default_value_type character varying,
    default_value_dialect character varying
);
CREATE TABLE lake.ducklake_column_mapping (
    mapping_id bigint,
    table_id bigint,
    type character varying
);
CREATE TABLE lake.ducklake_column_tag (
    table_id bigint,
    column_id bigint,
    begin_snapshot bigint,
    end_snapshot bigint,
    key character varying,
    value character varying
);
CREATE TABLE lake.ducklake_data_file (
    data_file_id bigint NOT NULL,
    table_id bigint,
    begin_snapshot bigint,
    end_snapshot bigint,
    file_order bigint,
    path character varying,
    path_is_relative boolean,
    file_format character varying,
    record_count bigint,
    file_size_bytes bigint,
    footer_size bigint,
    row_id_start bigint,
    partition_id bigint,
    encryption_key character varying,
    mapping_id bigint,
    partial_max bigint
);
CREATE TABLE lake.ducklake_delete_file (
    delete_file_id bigint NOT NULL,
    table_id bigint,
    begin_snapshot bigint,
    end_snapshot bigint,
    data_file_id bigint,
    path character varying,
    path_is_relative boolean,
    format character varying,
    delete_count bigint,
    file_size_bytes bigint,
    footer_size bigint,
    encryption_key character varying,
    partial_max bigint
);
CREATE TABLE lake.ducklake_file_column_stats (
    data_file_id bigint,
    table_id bigint,
    column_id bigint,
    column_size_bytes bigint,
    value_count bigint,
    null_count bigint,
    min_value character varying,
    max_value character varying,
    contains_nan boolean,
    extra_stats character varying
);
CREATE TABLE lake.ducklake_file_partition_value (
    data_file_id bigint,
    table_id bigint,
    partition_key_index bigint,
    partition_value character varying
);
CREATE TABLE lake.ducklake_file_variant_stats (
    data_file_id bigint,
    table_id bigint,
    column_id bigint,
    variant_path character varying,
    shredded_type character varying,
    column_size_bytes bigint,
    value_count bigint,
    null_count bigint,
    min_value character varying,
    max_value character varying,
    contains_nan boolean,
    extra_stats character varying
);
CREATE TABLE lake.ducklake_files_scheduled_for_deletion (
    data_file_id bigint,
    path character varying,
    path_is_relative boolean,
    schedule_start timestamp with time zone
);
CREATE TABLE lake.ducklake_inlined_data_tables (
    table_id bigint,
    table_name character varying,
    schema_version bigint
);
CREATE TABLE lake.ducklake_macro (
    schema_id bigint,
    macro_id bigint,
    macro_name character varying,
    begin_snapshot bigint,
    end_snapshot bigint
);
CREATE TABLE lake.ducklake_macro_impl (
    macro_id bigint,
    impl_id bigint,
    dialect character varying,
    sql character varying,
    type character varying
);
CREATE TABLE lake.ducklake_macro_parameters (
    macro_id bigint,
    impl_id bigint,
    column_id bigint,
    parameter_name character varying,
    parameter_type character varying,
    default_value character varying,
    default_value_type character varying
);
CREATE TABLE lake.ducklake_metadata (
    key character varying NOT NULL,
    value character varying NOT NULL,
    scope character varying,
    scope_id bigint
);
CREATE TABLE lake.ducklake_name_mapping (
    mapping_id bigint,
    column_id bigint,
    source_name character varying,
    target_field_id bigint,
    parent_column bigint,
    is_partition boolean
);
CREATE TABLE lake.ducklake_partition_column (
    partition_id bigint,
    table_id bigint,
    partition_key_index bigint,
    column_id bigint,
    transform character varying
);
CREATE TABLE lake.ducklake_partition_info (
    partition_id bigint,
    table_id bigint,
    begin_snapshot bigint,
    end_snapshot bigint
);
CREATE TABLE lake.ducklake_schema (
    schema_id bigint NOT NULL,
    schema_uuid uuid,
    begin_snapshot bigint,
    end_snapshot bigint,
    schema_name character varying,
    path character varying,
    path_is_relative boolean
);
CREATE TABLE lake.ducklake_schema_versions (
    begin_snapshot bigint,
    schema_version bigint,
    table_id bigint
);
CREATE TABLE lake.ducklake_snapshot (
    snapshot_id bigint NOT NULL,
    snapshot_time timestamp with time zone,
    schema_version bigint,
    next_catalog_id bigint,
    next_file_id bigint
);
CREATE TABLE lake.ducklake_snapshot_changes (
    snapshot_id bigint NOT NULL,
    changes_made character varying,
    author character varying,
    commit_message character varying,
    commit_extra_info character varying
);
CREATE TABLE lake.ducklake_sort_expression (
    sort_id bigint,
    table_id bigint,
    sort_key_index bigint,
    expression character varying,
    dialect character varying,
    sort_direction character varying,
    null_order character varying
);
CREATE TABLE lake.ducklake_sort_info (
    sort_id bigint,
    table_id bigint,
    begin_snapshot bigint,
    end_snapshot bigint
);
CREATE TABLE lake.ducklake_table (
    table_id bigint,
    table_uuid uuid,
    begin_snapshot bigint,
    end_snapshot bigint,
    schema_id bigint,
    table_name character varying,
    path character varying,
    path_is_relative boolean
);
CREATE TABLE lake.ducklake_table_column_stats (
    table_id bigint,
    column_id bigint,
    contains_null boolean,
    contains_nan boolean,
    min_value character varying,
    max_value character varying,
    extra_stats character varying
);
CREATE TABLE lake.ducklake_table_stats (
    table_id bigint,
    record_count bigint,
    next_row_id bigint,
    file_size_bytes bigint
);
CREATE TABLE lake.ducklake_tag (
    object_id bigint,
    begin_snapshot bigint,
    end_snapshot bigint,
    key character varying,
    value character varying
);
CREATE TABLE lake.ducklake_view (
    view_id bigint,
    view_uuid uuid,
    begin_snapshot bigint,
    end_snapshot bigint,
    schema_id bigint,
    view_name character varying,
    dialect character varying,
    sql character varying,
    column_aliases character varying
);
CREATE TABLE lake.iceberg_namespace_properties (
    catalog_name character varying(255) NOT NULL,
    namespace character varying(255) NOT NULL,
    property_key character varying(255) NOT NULL,
    property_value character varying(1000)
);
CREATE TABLE lake.iceberg_tables (
    catalog_name character varying(255) NOT NULL,
    table_namespace character varying(255) NOT NULL,
    table_name character varying(255) NOT NULL,
    metadata_location character varying(1000),
    previous_metadata_location character varying(1000),
    iceberg_type character varying(5)
);
INSERT INTO lake.ducklake_column VALUES (3, 1, NULL, 1, 3, 'price', 'decimal(12,2)', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (4, 1, NULL, 1, 4, 'at', 'timestamptz', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (1, 1, NULL, 2, 1, 'a', 'int32', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (2, 1, NULL, 2, 2, 'b', 'list', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (3, 1, NULL, 2, 3, 'element', 'varchar', NULL, 'NULL', true, 2, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (1, 1, NULL, 3, 1, 'id', 'int32', NULL, 'NULL', false, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (2, 1, NULL, 3, 2, 'b', 'boolean', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (3, 1, NULL, 3, 3, 'i2', 'int16', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (4, 1, NULL, 3, 4, 'i8', 'int64', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (5, 1, NULL, 3, 5, 'f4', 'float32', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (6, 1, NULL, 3, 6, 'f8', 'float64', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (7, 1, NULL, 3, 7, 'n', 'decimal(10,2)', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (8, 1, NULL, 3, 8, 't', 'varchar', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (9, 1, NULL, 3, 9, 'y', 'blob', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (10, 1, NULL, 3, 10, 'u', 'uuid', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (11, 1, NULL, 3, 11, 'j', 'json', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (12, 1, NULL, 3, 12, 'd', 'date', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (13, 1, NULL, 3, 13, 'h', 'time', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (14, 1, NULL, 3, 14, 'ts', 'timestamp', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (15, 1, NULL, 3, 15, 'tz', 'timestamptz', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (16, 1, NULL, 3, 16, 'l', 'list', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (17, 1, NULL, 3, 17, 'element', 'int32', NULL, 'NULL', true, 16, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (2, 1, 3, 1, 2, 'name', 'varchar', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (2, 3, NULL, 1, 2, 'title', 'varchar', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (5, 3, NULL, 1, 5, 'note', 'varchar', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (1, 1, 5, 1, 1, 'id', 'int32', NULL, 'NULL', false, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (1, 5, NULL, 1, 1, 'id', 'int64', NULL, 'NULL', false, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_data_file VALUES (2, 3, 1, NULL, NULL, 'ducklake-01a2107c-2095-70cf-94e8-cc5415c42712.parquet', true, 'parquet', 1, 3753, 1998, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (0, 1, 1, 5, NULL, 'ducklake-01a2107c-2073-7d4f-82a8-1055ea4a87f8.parquet', true, 'parquet', 60, 1913, 566, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (3, 1, 2, 5, NULL, 'ducklake-01a2107c-21c2-7175-88d0-5d271fb749e6.parquet', true, 'parquet', 5, 1394, 741, NULL, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (5, 1, 3, 5, NULL, 'ducklake-01a2107c-226d-73d0-87c5-054a4c7dea57.parquet', true, 'parquet', 1, 1226, 671, 60, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (13, 1, 5, NULL, NULL, 'ducklake-01a2107c-28cd-7958-bd0c-f29df8f40ea9.parquet', true, 'parquet', 59, 2930, 1061, NULL, NULL, NULL, NULL, 6);
INSERT INTO lake.ducklake_data_file VALUES (15, 2, 9, NULL, NULL, 'ducklake-01a2107c-2974-7836-b206-38531f71d577.parquet', true, 'parquet', 1, 511, 299, 17, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (11, 2, 1, 9, NULL, 'ducklake-01a2107c-289c-7121-9dd4-850dc10a0639.parquet', true, 'parquet', 17, 1286, 674, NULL, NULL, NULL, NULL, 4);
INSERT INTO lake.ducklake_data_file VALUES (16, 3, 9, NULL, NULL, 'ducklake-01a2107c-2991-7254-bdaf-ad69249017c9.parquet', true, 'parquet', 1, 2913, 1515, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (17, 2, 10, NULL, NULL, 'ducklake-01a2107c-2ce5-7668-9996-e3048af2f579.parquet', true, 'parquet', 1, 354, 274, 18, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_delete_file VALUES (4, 1, 2, NULL, 0, 'ducklake-01a2107c-21dc-7534-9891-13f8bbe59a96-delete.parquet', true, 'parquet', 10, 1144, 546, NULL, NULL);
INSERT INTO lake.ducklake_delete_file VALUES (12, 2, 4, NULL, 11, 'ducklake-01a2107c-28aa-798f-8008-12ae751079be-delete.parquet', true, 'parquet', 3, 1419, 730, NULL, 4);
INSERT INTO lake.ducklake_delete_file VALUES (14, 1, 6, NULL, 13, 'ducklake-01a2107c-28d1-7bab-980c-b960b615340d-delete.parquet', true, 'parquet', 9, 1439, 732, NULL, 6);
INSERT INTO lake.ducklake_file_column_stats VALUES (0, 1, 1, 197, 60, 0, '1', '60', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (0, 1, 2, 244, 60, 0, 'name 1', 'name 9', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (0, 1, 3, 293, 60, 0, '1.50', '90.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (0, 1, 4, 421, 60, 0, '2026-01-01 01:00:00+00', '2026-01-03 12:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 1, 62, 1, 0, '1', '1', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 2, 33, 1, 0, '1', '1', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 3, 62, 1, 0, '32767', '32767', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 4, 66, 1, 0, '-9223372036854775808', '-9223372036854775808', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 5, 62, 1, 0, '1.5', '1.5', false, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 6, 66, 1, 0, 'inf', 'inf', false, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 7, 66, 1, 0, '99999999.99', '99999999.99', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 8, 67, 1, 0, 'é☃', 'é☃', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 9, 64, 1, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 10, 74, 1, 0, '8c9b1a6c-2b1e-4f0a-9a55-000000000001', '8c9b1a6c-2b1e-4f0a-9a55-000000000001', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 11, 78, 1, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 12, 62, 1, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 13, 66, 1, 0, '23:59:59.999999', '23:59:59.999999', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 14, 66, 1, 0, '2026-06-30 12:00:00.000001', '2026-06-30 12:00:00.000001', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 15, 66, 1, 0, '1969-12-31 23:59:59.500000+00', '1969-12-31 23:59:59.500000+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 3, 17, 73, 2, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (3, 1, 1, 80, 5, 0, '10', '50', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (3, 1, 2, 69, 5, 0, 'changed', 'changed', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (3, 1, 3, 87, 5, 0, '15.00', '75.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (3, 1, 4, 100, 5, 0, '2026-01-01 10:00:00+00', '2026-01-03 02:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 1, 62, 1, 0, '500', '500', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 2, 66, 1, 0, 'late', 'late', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 3, 66, 1, 0, '1.00', '1.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 4, 66, 1, 0, '2026-02-01 00:00:00+00', '2026-02-01 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 5, 68, 1, 0, 'a note', 'a note', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (11, 2, 1, 86, 17, 0, '0', '4', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (11, 2, 3, 146, 30, 15, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 1, 244, 59, 0, '1', '5000000000', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 2, 245, 59, 0, 'changed', 'name 9', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 3, 285, 59, 0, '1.00', '82.50', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 4, 403, 59, 0, '2026-01-01 01:00:00+00', '2026-02-01 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 5, 79, 4, 55, 'a note', 'again', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (15, 2, 1, 62, 1, 0, '9', '9', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (15, 2, 3, 62, 0, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 1, 62, 1, 0, '2', '2', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 2, 32, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 3, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 4, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 5, 56, 0, 1, NULL, NULL, false, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 6, 56, 0, 1, NULL, NULL, false, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 7, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 8, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 9, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 10, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 11, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 12, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 13, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 14, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 15, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (16, 3, 17, 62, 0, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (17, 2, 1, 29, 1, 0, '77', '77', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (17, 2, 3, 39, 1, 0, 'theirs', 'theirs', NULL, NULL);
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (7, 'main/bag/ducklake-01a2107c-230d-7e7d-8b06-7611f53ccfe3-delete.parquet', true, '2026-11-25 02:15:02.079279+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (1, 'main/bag/ducklake-01a2107c-2080-7ca0-a533-3cbb5da230cb.parquet', true, '2026-11-25 02:15:02.079579+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (6, 'main/bag/ducklake-01a2107c-22fc-7041-9094-9a46c7868182.parquet', true, '2026-11-25 02:15:02.07959+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (10, 'main/kept/ducklake-01a2107c-24de-743f-9da0-68aeca3f620e-delete.parquet', true, '2026-11-25 02:15:02.119948+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (8, 'main/kept/ducklake-01a2107c-2393-71e8-a390-639afbcdbaa5.parquet', true, '2026-11-25 02:15:02.120116+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (9, 'main/kept/ducklake-01a2107c-24bc-712a-a4b7-a7f99a5a0df7.parquet', true, '2026-11-25 02:15:02.120122+00');
INSERT INTO lake.ducklake_metadata VALUES ('version', '1.0', NULL, NULL);
INSERT INTO lake.ducklake_metadata VALUES ('created_by', 'pg_trickle 0.1.0', NULL, NULL);
INSERT INTO lake.ducklake_metadata VALUES ('data_path', '@DATA_PATH@', NULL, NULL);
INSERT INTO lake.ducklake_metadata VALUES ('encrypted', 'false', NULL, NULL);
INSERT INTO lake.ducklake_metadata VALUES ('data_inlining_row_limit', '0', NULL, NULL);
INSERT INTO lake.ducklake_schema VALUES (0, '3b10190a-b1d1-41fb-b8f0-124266b9041f', 0, NULL, 'main', 'main/', true);
INSERT INTO lake.ducklake_schema_versions VALUES (1, 1, 1);
INSERT INTO lake.ducklake_schema_versions VALUES (1, 1, 2);
INSERT INTO lake.ducklake_schema_versions VALUES (1, 1, 3);
INSERT INTO lake.ducklake_schema_versions VALUES (3, 2, 1);
INSERT INTO lake.ducklake_schema_versions VALUES (5, 3, 1);
INSERT INTO lake.ducklake_snapshot VALUES (0, '2026-11-25 02:14:59.671751+00', 0, 1, 0);
INSERT INTO lake.ducklake_snapshot VALUES (1, '2026-11-25 02:15:00.001796+00', 1, 4, 3);
INSERT INTO lake.ducklake_snapshot VALUES (2, '2026-11-25 02:15:00.329772+00', 1, 4, 5);
INSERT INTO lake.ducklake_snapshot VALUES (3, '2026-11-25 02:15:00.475855+00', 2, 4, 6);
INSERT INTO lake.ducklake_snapshot VALUES (4, '2026-11-25 02:15:00.630566+00', 2, 4, 8);
INSERT INTO lake.ducklake_snapshot VALUES (5, '2026-11-25 02:15:00.863016+00', 3, 4, 9);
INSERT INTO lake.ducklake_snapshot VALUES (6, '2026-11-25 02:15:01.093502+00', 3, 4, 11);
INSERT INTO lake.ducklake_snapshot VALUES (7, '2026-11-25 02:15:02.068998+00', 3, 4, 13);
INSERT INTO lake.ducklake_snapshot VALUES (8, '2026-11-25 02:15:02.114204+00', 3, 4, 15);
INSERT INTO lake.ducklake_snapshot VALUES (9, '2026-11-25 02:15:02.309493+00', 3, 4, 17);
INSERT INTO lake.ducklake_snapshot VALUES (10, '2026-11-25 02:15:03.112908+00', 3, 4, 18);
INSERT INTO lake.ducklake_snapshot_changes VALUES (0, 'created_schema:"main"', NULL, NULL, NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (1, 'created_table:"main"."kept",created_table:"main"."bag",created_table:"main"."types",inserted_into_table:1,inserted_into_table:2,inserted_into_table:3', 'pg_trickle', 'published 3 table(s)', '{"snapshot": "765:765:", "rows": {"kept": 60, "bag": 15, "types": 1}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (2, 'inserted_into_table:1,deleted_from_table:1', 'pg_trickle', 'published 1 table(s)', '{"snapshot": "777:777:", "rows": {"kept": 17}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (3, 'inserted_into_table:1,altered_table:1', 'pg_trickle', 'published 1 table(s)', '{"snapshot": "783:783:", "rows": {"kept": 1}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (4, 'inserted_into_table:2,deleted_from_table:2', 'pg_trickle', 'published 1 table(s)', '{"snapshot": "788:788:", "rows": {"bag": 5}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (5, 'inserted_into_table:1,deleted_from_table:1,altered_table:1', 'pg_trickle', 'published 1 table(s)', '{"snapshot": "794:794:", "rows": {"kept": 56}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (6, 'inserted_into_table:1,deleted_from_table:1', 'pg_trickle', 'published 1 table(s)', '{"snapshot": "799:799:", "rows": {"kept": 12}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (7, 'merge_adjacent:2', 'pg_trickle', 'upkeep: 2 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (8, 'merge_adjacent:1', 'pg_trickle', 'upkeep: 2 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (9, 'inserted_into_table:2,inserted_into_table:3,deleted_from_table:2', 'pg_trickle', 'published 2 table(s)', '{"snapshot": "815:815:", "rows": {"bag": 1, "types": 1}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (10, 'inserted_into_table:2', NULL, NULL, NULL);
INSERT INTO lake.ducklake_table VALUES (1, 'ef3ec625-acbc-4367-be4e-5ec5ad0684ab', 1, NULL, 0, 'kept', 'kept/', true);
INSERT INTO lake.ducklake_table VALUES (2, '406083c4-f3f9-43cd-ae8b-c6171cf8d64f', 1, NULL, 0, 'bag', 'bag/', true);
INSERT INTO lake.ducklake_table VALUES (3, '6137c63b-7ad2-4bf9-8704-9c226df6ce1f', 1, NULL, 0, 'types', 'types/', true);
INSERT INTO lake.ducklake_table_column_stats VALUES (1, 1, false, NULL, '1', '5000000000', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (1, 2, false, NULL, 'changed', 'name 9', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (1, 3, false, NULL, '1.00', '90.00', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (1, 4, false, NULL, '2026-01-01 01:00:00+00', '2026-02-01 00:00:00+00', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 1, false, NULL, '1', '2', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 2, true, NULL, '1', '1', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 3, true, NULL, '32767', '32767', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 4, true, NULL, '-9223372036854775808', '-9223372036854775808', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 5, true, false, '1.5', '1.5', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 6, true, false, 'inf', 'inf', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 7, true, NULL, '99999999.99', '99999999.99', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 8, true, NULL, 'é☃', 'é☃', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 10, true, NULL, '8c9b1a6c-2b1e-4f0a-9a55-000000000001', '8c9b1a6c-2b1e-4f0a-9a55-000000000001', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 13, true, NULL, '23:59:59.999999', '23:59:59.999999', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 14, true, NULL, '2026-06-30 12:00:00.000001', '2026-06-30 12:00:00.000001', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 15, true, NULL, '1969-12-31 23:59:59.500000+00', '1969-12-31 23:59:59.500000+00', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (2, 1, false, NULL, '0', '77', NULL);
INSERT INTO lake.ducklake_table_stats VALUES (1, 59, 117, 2930);
INSERT INTO lake.ducklake_table_stats VALUES (3, 2, 2, 6666);
INSERT INTO lake.ducklake_table_stats VALUES (2, 19, 19, 2151);
INSERT INTO lake.iceberg_namespace_properties VALUES ('company_lake', 'main', 'exists', 'true');
ALTER TABLE ONLY lake.ducklake_data_file
    ADD CONSTRAINT ducklake_data_file_pkey PRIMARY KEY (data_file_id);
ALTER TABLE ONLY lake.ducklake_delete_file
    ADD CONSTRAINT ducklake_delete_file_pkey PRIMARY KEY (delete_file_id);
ALTER TABLE ONLY lake.ducklake_schema
    ADD CONSTRAINT ducklake_schema_pkey PRIMARY KEY (schema_id);
ALTER TABLE ONLY lake.ducklake_snapshot_changes
    ADD CONSTRAINT ducklake_snapshot_changes_pkey PRIMARY KEY (snapshot_id);
ALTER TABLE ONLY lake.ducklake_snapshot
    ADD CONSTRAINT ducklake_snapshot_pkey PRIMARY KEY (snapshot_id);
ALTER TABLE ONLY lake.iceberg_namespace_properties
    ADD CONSTRAINT iceberg_namespace_properties_pkey PRIMARY KEY (catalog_name, namespace, property_key);
ALTER TABLE ONLY lake.iceberg_tables
    ADD CONSTRAINT iceberg_tables_pkey PRIMARY KEY (catalog_name, table_namespace, table_name);
CREATE INDEX ducklake_data_file_table_id_idx ON lake.ducklake_data_file USING btree (table_id);
CREATE INDEX ducklake_delete_file_data_file_id_idx ON lake.ducklake_delete_file USING btree (data_file_id);
CREATE INDEX ducklake_file_column_stats_data_file_id_idx ON lake.ducklake_file_column_stats USING btree (data_file_id);
