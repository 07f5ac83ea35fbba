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
INSERT INTO lake.ducklake_column VALUES (1, 1, NULL, 1, 1, 'id', 'int32', NULL, 'NULL', false, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (2, 1, NULL, 1, 2, 'at', 'timestamptz', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (1, 1, NULL, 2, 1, 'valid_from', 'timestamptz', NULL, 'NULL', false, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (2, 1, NULL, 2, 2, 'valid_to', 'timestamptz', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (3, 1, NULL, 2, 3, 'from_snapshot', 'int64', NULL, 'NULL', false, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (4, 1, NULL, 2, 4, 'to_snapshot', 'int64', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (5, 1, NULL, 2, 5, 'id', 'int32', NULL, 'NULL', false, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (6, 1, NULL, 2, 6, 'euros', 'decimal(8,2)', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (1, 1, NULL, 3, 1, 'a', 'int32', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (2, 1, NULL, 3, 2, 'b', 'list', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (3, 1, NULL, 3, 3, 'element', 'varchar', NULL, 'NULL', true, 2, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (3, 1, 21, 1, 3, 'region', 'varchar', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (4, 1, 21, 1, 4, 'amount', 'decimal(10,2)', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column VALUES (4, 21, NULL, 1, 4, 'euros', 'decimal(10,2)', NULL, 'NULL', true, NULL, 'literal', 'duckdb');
INSERT INTO lake.ducklake_column_tag VALUES (1, 3, 1, 4, 'comment', 'where');
INSERT INTO lake.ducklake_column_tag VALUES (1, 4, 4, NULL, 'comment', 'in euros');
INSERT INTO lake.ducklake_data_file VALUES (25, 1, 4, 20, NULL, 'at_year=2026/region=east/ducklake-01a217f8-eb5a-7cfb-870c-7d36f962a6d4.parquet', true, 'parquet', 2, 1320, 738, NULL, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (46, 1, 10, 20, NULL, 'at_year=2025/region=it_s___south/ducklake-01a217f8-f089-7294-b35e-e4fdb19ccf00.parquet', true, 'parquet', 3, 1388, 757, NULL, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (48, 1, 11, 20, NULL, 'at_year=2025/region=east/ducklake-01a217f8-f0a9-7676-8309-4b0d62b7ad54.parquet', true, 'parquet', 1, 1291, 737, NULL, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (54, 1, 14, 20, NULL, 'at_year=2026/region=__HIVE_DEFAULT_PARTITION__/ducklake-01a217f8-f0f6-76b4-8bf0-8e1398290a38.parquet', true, 'parquet', 4, 1331, 726, NULL, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (56, 1, 3, 20, NULL, 'at_year=2025/region=__HIVE_DEFAULT_PARTITION__/ducklake-01a217f8-f109-79d5-93cc-88b38f81816a.parquet', true, 'parquet', 4, 1637, 912, NULL, 4, NULL, NULL, 6);
INSERT INTO lake.ducklake_data_file VALUES (58, 1, 3, 20, NULL, 'at_year=2025/region=north/ducklake-01a217f8-f117-7abf-923e-7217121a6eb5.parquet', true, 'parquet', 4, 1675, 929, NULL, 4, NULL, NULL, 7);
INSERT INTO lake.ducklake_data_file VALUES (1, 1, 2, 7, NULL, 'at_year=2025/region=north/ducklake-01a217f8-e89a-7b86-878f-4d8675b9b759.parquet', true, 'parquet', 5, 1084, 566, 6, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (8, 1, 3, 5, NULL, 'at_year=2025/region=it_s___south/ducklake-01a217f8-e9d6-7c8e-a00e-5c0f4d9936f7.parquet', true, 'parquet', 1, 1331, 753, NULL, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (2, 1, 2, 6, NULL, 'at_year=2025/region=__HIVE_DEFAULT_PARTITION__/ducklake-01a217f8-e8a8-79eb-b1b1-94c813a645aa.parquet', true, 'parquet', 6, 1062, 550, 11, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (4, 1, 2, 8, NULL, 'at_year=2026/region=north/ducklake-01a217f8-e8c8-7940-b951-30cbd4cfd60a.parquet', true, 'parquet', 5, 1084, 566, 21, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (3, 1, 2, 9, NULL, 'at_year=2026/region=it_s___south/ducklake-01a217f8-e8b2-79e9-b838-49a1835dfcd3.parquet', true, 'parquet', 4, 1101, 580, 17, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (0, 1, 2, 10, NULL, 'at_year=2025/region=it_s___south/ducklake-01a217f8-e886-7c07-952e-958bd7ff5330.parquet', true, 'parquet', 6, 1137, 582, 0, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (24, 1, 4, 11, NULL, 'at_year=2025/region=east/ducklake-01a217f8-eb53-7fe7-82fb-8a827537fa7e.parquet', true, 'parquet', 2, 1320, 738, NULL, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (6, 2, 2, 12, NULL, 'ducklake-01a217f8-e8f0-74c5-a6bd-c4501e838135.parquet', true, 'parquet', 10, 1496, 803, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (20, 2, 3, 12, NULL, 'ducklake-01a217f8-ea34-7fc8-97c8-5292bd11ac6d.parquet', true, 'parquet', 3, 1426, 801, 10, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (52, 3, 2, NULL, NULL, 'ducklake-01a217f8-f0ea-72c4-93bc-ea022204b8fe.parquet', true, 'parquet', 4, 1155, 673, NULL, NULL, NULL, NULL, 5);
INSERT INTO lake.ducklake_data_file VALUES (5, 1, 2, 14, NULL, 'at_year=2026/region=__HIVE_DEFAULT_PARTITION__/ducklake-01a217f8-e8db-7a96-a8a2-fe3c1effde8d.parquet', true, 'parquet', 4, 1028, 549, 26, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (13, 1, 3, 14, NULL, 'at_year=2026/region=__HIVE_DEFAULT_PARTITION__/ducklake-01a217f8-ea1c-76cb-acb3-d848585160c2.parquet', true, 'parquet', 1, 1258, 722, NULL, 4, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (64, 2, 3, NULL, NULL, 'ducklake-01a217f8-f162-781d-91ed-db59dade19f9.parquet', true, 'parquet', 14, 2334, 1255, NULL, NULL, NULL, NULL, 12);
INSERT INTO lake.ducklake_data_file VALUES (66, 1, 20, NULL, NULL, 'id_bucket=0/ducklake-01a217f8-f1ef-7f8e-b17d-72e043c3f09c.parquet', true, 'parquet', 9, 1184, 575, 30, 5, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (67, 1, 20, NULL, NULL, 'id_bucket=1/ducklake-01a217f8-f1f8-7094-b4dc-2a953c4766c5.parquet', true, 'parquet', 8, 1141, 567, 39, 5, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (68, 1, 20, NULL, NULL, 'id_bucket=2/ducklake-01a217f8-f205-7406-972f-472915aebd8b.parquet', true, 'parquet', 5, 1103, 573, 47, 5, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (69, 1, 20, NULL, NULL, 'id_bucket=3/ducklake-01a217f8-f207-7291-8204-36197007952d.parquet', true, 'parquet', 13, 1230, 568, 52, 5, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (60, 1, 3, 20, NULL, 'at_year=2026/region=north/ducklake-01a217f8-f134-7f6e-a363-c80bf43a9648.parquet', true, 'parquet', 4, 1675, 929, NULL, 4, NULL, NULL, 8);
INSERT INTO lake.ducklake_data_file VALUES (62, 1, 3, 20, NULL, 'at_year=2026/region=it_s___south/ducklake-01a217f8-f14f-7c02-8f5f-4414b64a696f.parquet', true, 'parquet', 3, 1694, 943, NULL, 4, NULL, NULL, 9);
INSERT INTO lake.ducklake_data_file VALUES (71, 2, 20, NULL, NULL, 'ducklake-01a217f8-f212-7a94-8a42-b0c4f2167f0f.parquet', true, 'parquet', 2, 1850, 1063, NULL, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (73, 1, 21, NULL, NULL, 'id_bucket=0/ducklake-01a217f8-f2b1-7849-9796-8056166ea87e.parquet', true, 'parquet', 2, 1089, 622, NULL, 5, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (75, 2, 21, NULL, NULL, 'ducklake-01a217f8-f2cd-7637-99a3-e2ae59774b82.parquet', true, 'parquet', 1, 1406, 799, 16, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (76, 2, 21, NULL, NULL, 'ducklake-01a217f8-f2b8-72f5-b8cd-5edc8faccc23.parquet', true, 'parquet', 8, 1945, 1068, NULL, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (77, 2, 21, NULL, NULL, 'ducklake-01a217f8-f2c5-7376-8757-102a43012e44.parquet', true, 'parquet', 2, 1845, 1062, NULL, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (70, 2, 20, 21, NULL, 'ducklake-01a217f8-f214-798f-b91b-527dacc515f4.parquet', true, 'parquet', 2, 1411, 800, 14, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_data_file VALUES (79, 3, 22, NULL, NULL, 'ducklake-01a217f8-f593-7e15-9a4c-e90f173e1623.parquet', true, 'parquet', 1, 354, 274, 4, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_delete_file VALUES (34, 1, 3, 6, 2, 'ducklake-01a217f8-ec51-7813-95a0-1a6e592425ab-delete.parquet', true, 'parquet', 3, 1719, 847, NULL, 5);
INSERT INTO lake.ducklake_delete_file VALUES (33, 1, 3, 7, 1, 'ducklake-01a217f8-ec4e-76a3-a050-735e022d25c2-delete.parquet', true, 'parquet', 2, 1596, 803, NULL, 5);
INSERT INTO lake.ducklake_delete_file VALUES (29, 1, 3, 8, 4, 'ducklake-01a217f8-eba3-75ef-8020-bd9408839218-delete.parquet', true, 'parquet', 2, 1597, 803, NULL, 4);
INSERT INTO lake.ducklake_delete_file VALUES (28, 1, 3, 9, 3, 'ducklake-01a217f8-eb97-7883-9c10-11ad9707fc28-delete.parquet', true, 'parquet', 2, 1631, 817, NULL, 4);
INSERT INTO lake.ducklake_delete_file VALUES (32, 1, 3, 10, 0, 'ducklake-01a217f8-ec4b-7ec4-8c0f-92af18dd6242-delete.parquet', true, 'parquet', 3, 1641, 819, NULL, 5);
INSERT INTO lake.ducklake_delete_file VALUES (35, 1, 5, 11, 24, 'ducklake-01a217f8-ec53-7345-897c-8889520055e8-delete.parquet', true, 'parquet', 1, 1276, 615, NULL, NULL);
INSERT INTO lake.ducklake_delete_file VALUES (22, 2, 3, 12, 6, 'ducklake-01a217f8-eab8-7e7a-8a47-9a068b4a42be-delete.parquet', true, 'parquet', 3, 1174, 568, NULL, NULL);
INSERT INTO lake.ducklake_delete_file VALUES (31, 2, 4, 12, 20, 'ducklake-01a217f8-eba9-7a89-9a96-bf273a9c37d6-delete.parquet', true, 'parquet', 1, 1160, 567, NULL, NULL);
INSERT INTO lake.ducklake_delete_file VALUES (19, 1, 3, 14, 5, 'ducklake-01a217f8-ea9c-75d9-8466-fce76425d83a-delete.parquet', true, 'parquet', 1, 1392, 659, NULL, NULL);
INSERT INTO lake.ducklake_delete_file VALUES (74, 1, 21, NULL, 66, 'ducklake-01a217f8-f2d4-78fa-a99c-392daddb01ab-delete.parquet', true, 'parquet', 2, 1219, 589, NULL, NULL);
INSERT INTO lake.ducklake_delete_file VALUES (78, 2, 20, NULL, 64, 'ducklake-01a217f8-f2d5-7c95-80be-314cc18529ba-delete.parquet', true, 'parquet', 10, 1500, 754, NULL, 21);
INSERT INTO lake.ducklake_file_column_stats VALUES (0, 1, 1, 84, 6, 0, '1', '16', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (0, 1, 2, 108, 6, 0, '2025-01-30 00:00:00+00', '2025-11-26 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (0, 1, 3, 74, 6, 0, 'it''s / south', 'it''s / south', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (0, 1, 4, 90, 6, 0, '84.00', '99.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (1, 1, 1, 80, 5, 0, '3', '15', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (1, 1, 2, 100, 5, 0, '2025-03-11 00:00:00+00', '2025-11-06 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (1, 1, 3, 67, 5, 0, 'north', 'north', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (1, 1, 4, 87, 5, 0, '85.00', '97.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 1, 1, 84, 6, 0, '2', '17', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 1, 2, 108, 6, 0, '2025-02-19 00:00:00+00', '2025-12-16 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 1, 3, 56, 0, 6, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (2, 1, 4, 90, 6, 0, '83.00', '98.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (3, 1, 1, 75, 4, 0, '19', '28', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (3, 1, 2, 91, 4, 0, '2026-01-25 00:00:00+00', '2026-07-24 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (3, 1, 3, 74, 4, 0, 'it''s / south', 'it''s / south', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (3, 1, 4, 83, 4, 0, '72.00', '81.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (4, 1, 1, 80, 5, 0, '18', '30', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (4, 1, 2, 100, 5, 0, '2026-01-05 00:00:00+00', '2026-09-02 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (4, 1, 3, 67, 5, 0, 'north', 'north', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (4, 1, 4, 87, 5, 0, '70.00', '82.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 1, 75, 4, 0, '20', '29', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 2, 91, 4, 0, '2026-02-14 00:00:00+00', '2026-08-13 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 3, 56, 0, 4, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (5, 1, 4, 83, 4, 0, '71.00', '80.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (6, 2, 1, 66, 10, 0, '2026-11-26 13:08:38.134452+00', '2026-11-26 13:08:38.134452+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (6, 2, 2, 56, 0, 10, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (6, 2, 3, 66, 10, 0, '2', '2', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (6, 2, 4, 56, 0, 10, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (6, 2, 5, 105, 10, 0, '1', '10', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (6, 2, 6, 105, 10, 0, '1.00', '10.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (8, 1, 1, 62, 1, 0, '10', '10', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (8, 1, 2, 66, 1, 0, '2025-07-29 00:00:00+00', '2025-07-29 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (8, 1, 3, 74, 1, 0, 'it''s / south', 'it''s / south', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (8, 1, 4, 66, 1, 0, '90.50', '90.50', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 1, 62, 1, 0, '20', '20', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 2, 66, 1, 0, '2026-02-14 00:00:00+00', '2026-02-14 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 3, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (13, 1, 4, 66, 1, 0, '80.50', '80.50', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (20, 2, 1, 66, 3, 0, '2026-11-26 13:08:38.478037+00', '2026-11-26 13:08:38.478037+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (20, 2, 2, 56, 0, 3, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (20, 2, 3, 66, 3, 0, '3', '3', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (20, 2, 4, 56, 0, 3, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (20, 2, 5, 71, 3, 0, '1', '3', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (20, 2, 6, 71, 3, 0, '2.00', '6.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (24, 1, 1, 66, 2, 0, '7', '14', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (24, 1, 2, 74, 2, 0, '2025-05-30 00:00:00+00', '2025-10-17 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (24, 1, 3, 66, 2, 0, 'east', 'east', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (24, 1, 4, 74, 2, 0, '86.00', '93.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (25, 1, 1, 66, 2, 0, '21', '28', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (25, 1, 2, 74, 2, 0, '2026-03-06 00:00:00+00', '2026-07-24 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (25, 1, 3, 66, 2, 0, 'east', 'east', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (25, 1, 4, 74, 2, 0, '72.00', '79.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (46, 1, 1, 71, 3, 0, '1', '16', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (46, 1, 2, 83, 3, 0, '2025-01-30 00:00:00+00', '2025-11-26 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (46, 1, 3, 74, 3, 0, 'it''s / south', 'it''s / south', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (46, 1, 4, 80, 3, 0, '84.00', '99.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (48, 1, 1, 62, 1, 0, '7', '14', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (48, 1, 2, 66, 1, 0, '2025-05-30 00:00:00+00', '2025-10-17 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (48, 1, 3, 66, 1, 0, 'east', 'east', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (48, 1, 4, 66, 1, 0, '86.00', '93.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (52, 3, 1, 71, 4, 0, '1', '3', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (52, 3, 3, 70, 2, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (54, 1, 1, 75, 4, 0, '20', '29', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (54, 1, 2, 91, 4, 0, '2026-02-14 00:00:00+00', '2026-08-13 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (54, 1, 3, 56, 0, 4, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (54, 1, 4, 83, 4, 0, '71.00', '80.50', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (56, 1, 1, 75, 4, 0, '2', '17', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (56, 1, 2, 91, 4, 0, '2025-02-19 00:00:00+00', '2025-12-16 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (56, 1, 3, 56, 0, 4, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (56, 1, 4, 83, 4, 0, '83.00', '98.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (58, 1, 1, 75, 4, 0, '3', '15', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (58, 1, 2, 91, 4, 0, '2025-03-11 00:00:00+00', '2025-11-06 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (58, 1, 3, 67, 4, 0, 'north', 'north', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (58, 1, 4, 83, 4, 0, '85.00', '97.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (60, 1, 1, 75, 4, 0, '18', '30', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (60, 1, 2, 91, 4, 0, '2026-01-05 00:00:00+00', '2026-09-02 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (60, 1, 3, 67, 4, 0, 'north', 'north', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (60, 1, 4, 83, 4, 0, '70.00', '82.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (62, 1, 1, 71, 3, 0, '19', '28', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (62, 1, 2, 83, 3, 0, '2026-01-25 00:00:00+00', '2026-07-24 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (62, 1, 3, 74, 3, 0, 'it''s / south', 'it''s / south', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (62, 1, 4, 80, 3, 0, '72.00', '81.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (64, 2, 1, 85, 14, 0, '2026-11-26 13:08:38.134452+00', '2026-11-26 13:08:39.085690+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (64, 2, 2, 75, 4, 10, '2026-11-26 13:08:38.478037+00', '2026-11-26 13:08:38.863085+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (64, 2, 3, 81, 14, 0, '2', '5', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (64, 2, 4, 75, 4, 10, '3', '4', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (64, 2, 5, 105, 14, 0, '1', '10', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (64, 2, 6, 105, 14, 0, '1.00', '10.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (66, 1, 1, 101, 9, 0, '1', '52', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (66, 1, 2, 118, 7, 2, '2025-01-30 00:00:00+00', '2026-08-13 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (66, 1, 3, 93, 7, 2, 'it''s / south', 'north', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (66, 1, 4, 106, 9, 0, '50.00', '99.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (67, 1, 1, 92, 8, 0, '6', '56', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (67, 1, 2, 100, 5, 3, '2025-05-10 00:00:00+00', '2026-07-24 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (67, 1, 3, 100, 7, 1, 'east', 'north', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (67, 1, 4, 99, 8, 0, '53.00', '94.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (68, 1, 1, 80, 5, 0, '4', '57', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (68, 1, 2, 91, 4, 1, '2025-03-31 00:00:00+00', '2026-06-14 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (68, 1, 3, 82, 4, 1, 'it''s / south', 'late', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (68, 1, 4, 87, 5, 0, '57.00', '96.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (69, 1, 1, 117, 13, 0, '3', '59', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (69, 1, 2, 140, 9, 4, '2025-03-11 00:00:00+00', '2026-09-02 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (69, 1, 3, 103, 9, 4, 'east', 'north', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (69, 1, 4, 118, 13, 0, '51.00', '97.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (70, 2, 1, 66, 2, 0, '2026-11-26 13:08:40.549859+00', '2026-11-26 13:08:40.549859+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (70, 2, 2, 56, 0, 2, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (70, 2, 3, 66, 2, 0, '20', '20', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (70, 2, 4, 56, 0, 2, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (70, 2, 5, 66, 2, 0, '9', '10', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (70, 2, 6, 62, 2, 0, '0.00', '0.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (71, 2, 1, 66, 2, 0, '2026-11-26 13:08:38.134452+00', '2026-11-26 13:08:38.134452+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (71, 2, 2, 66, 2, 0, '2026-11-26 13:08:40.549859+00', '2026-11-26 13:08:40.549859+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (71, 2, 3, 66, 2, 0, '2', '2', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (71, 2, 4, 66, 2, 0, '20', '20', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (71, 2, 5, 66, 2, 0, '9', '10', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (71, 2, 6, 66, 2, 0, '9.00', '10.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (73, 1, 1, 66, 2, 0, '1', '2', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (73, 1, 2, 74, 2, 0, '2025-01-30 00:00:00+00', '2025-02-19 00:00:00+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (73, 1, 4, 66, 2, 0, '1.00', '1.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (75, 2, 1, 66, 1, 0, '2026-11-26 13:08:40.750068+00', '2026-11-26 13:08:40.750068+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (75, 2, 2, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (75, 2, 3, 66, 1, 0, '21', '21', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (75, 2, 4, 56, 0, 1, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (75, 2, 5, 62, 1, 0, '1', '1', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (75, 2, 6, 62, 1, 0, '1.00', '1.00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (76, 2, 1, 83, 8, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (76, 2, 2, 66, 8, 0, '2026-11-26 13:08:40.750068+00', '2026-11-26 13:08:40.750068+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (76, 2, 3, 79, 8, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (76, 2, 4, 66, 8, 0, '21', '21', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (76, 2, 5, 92, 8, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (76, 2, 6, 84, 8, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (77, 2, 1, 66, 2, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (77, 2, 2, 66, 2, 0, '2026-11-26 13:08:40.750068+00', '2026-11-26 13:08:40.750068+00', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (77, 2, 3, 66, 2, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (77, 2, 4, 66, 2, 0, '21', '21', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (77, 2, 5, 66, 2, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (77, 2, 6, 62, 2, 0, NULL, NULL, NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (79, 3, 1, 29, 1, 0, '77', '77', NULL, NULL);
INSERT INTO lake.ducklake_file_column_stats VALUES (79, 3, 3, 39, 1, 0, 'theirs', 'theirs', NULL, NULL);
INSERT INTO lake.ducklake_file_partition_value VALUES (0, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (0, 1, 1, 'it''s / south');
INSERT INTO lake.ducklake_file_partition_value VALUES (1, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (1, 1, 1, 'north');
INSERT INTO lake.ducklake_file_partition_value VALUES (2, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (2, 1, 1, NULL);
INSERT INTO lake.ducklake_file_partition_value VALUES (3, 1, 0, '2026');
INSERT INTO lake.ducklake_file_partition_value VALUES (3, 1, 1, 'it''s / south');
INSERT INTO lake.ducklake_file_partition_value VALUES (4, 1, 0, '2026');
INSERT INTO lake.ducklake_file_partition_value VALUES (4, 1, 1, 'north');
INSERT INTO lake.ducklake_file_partition_value VALUES (5, 1, 0, '2026');
INSERT INTO lake.ducklake_file_partition_value VALUES (5, 1, 1, NULL);
INSERT INTO lake.ducklake_file_partition_value VALUES (8, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (8, 1, 1, 'it''s / south');
INSERT INTO lake.ducklake_file_partition_value VALUES (13, 1, 0, '2026');
INSERT INTO lake.ducklake_file_partition_value VALUES (13, 1, 1, NULL);
INSERT INTO lake.ducklake_file_partition_value VALUES (24, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (24, 1, 1, 'east');
INSERT INTO lake.ducklake_file_partition_value VALUES (25, 1, 0, '2026');
INSERT INTO lake.ducklake_file_partition_value VALUES (25, 1, 1, 'east');
INSERT INTO lake.ducklake_file_partition_value VALUES (46, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (46, 1, 1, 'it''s / south');
INSERT INTO lake.ducklake_file_partition_value VALUES (48, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (48, 1, 1, 'east');
INSERT INTO lake.ducklake_file_partition_value VALUES (54, 1, 0, '2026');
INSERT INTO lake.ducklake_file_partition_value VALUES (54, 1, 1, NULL);
INSERT INTO lake.ducklake_file_partition_value VALUES (56, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (56, 1, 1, NULL);
INSERT INTO lake.ducklake_file_partition_value VALUES (58, 1, 0, '2025');
INSERT INTO lake.ducklake_file_partition_value VALUES (58, 1, 1, 'north');
INSERT INTO lake.ducklake_file_partition_value VALUES (60, 1, 0, '2026');
INSERT INTO lake.ducklake_file_partition_value VALUES (60, 1, 1, 'north');
INSERT INTO lake.ducklake_file_partition_value VALUES (62, 1, 0, '2026');
INSERT INTO lake.ducklake_file_partition_value VALUES (62, 1, 1, 'it''s / south');
INSERT INTO lake.ducklake_file_partition_value VALUES (66, 1, 0, '0');
INSERT INTO lake.ducklake_file_partition_value VALUES (67, 1, 0, '1');
INSERT INTO lake.ducklake_file_partition_value VALUES (68, 1, 0, '2');
INSERT INTO lake.ducklake_file_partition_value VALUES (69, 1, 0, '3');
INSERT INTO lake.ducklake_file_partition_value VALUES (73, 1, 0, '0');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (14, 'main/sale/ducklake-01a217f8-ea61-7e6e-a68b-b420a45eb0d8-delete.parquet', true, '2026-11-26 13:08:38.967561+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (16, 'main/sale/ducklake-01a217f8-ea75-7bf0-994b-5f05c5c3308a-delete.parquet', true, '2026-11-26 13:08:38.968503+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (17, 'main/sale/ducklake-01a217f8-ea80-7b29-9ecf-d663ff489d79-delete.parquet', true, '2026-11-26 13:08:38.968718+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (18, 'main/sale/ducklake-01a217f8-ea8f-7086-ab84-cacb2c610d24-delete.parquet', true, '2026-11-26 13:08:38.969089+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (26, 'main/sale/ducklake-01a217f8-eb88-7876-b0cf-263799d4ec06-delete.parquet', true, '2026-11-26 13:08:39.127312+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (15, 'main/sale/ducklake-01a217f8-ea6e-78bb-b432-1fa27484c6fb-delete.parquet', true, '2026-11-26 13:08:39.127797+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (27, 'main/sale/ducklake-01a217f8-eb92-78f6-97ea-a1f62828ef47-delete.parquet', true, '2026-11-26 13:08:39.128328+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (7, 'main/bag/ducklake-01a217f8-e8ff-71d9-bd60-0e23c1e9d93d.parquet', true, '2026-11-26 13:08:40.304094+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (23, 'main/bag/ducklake-01a217f8-ea53-788f-9438-9a326edcccd8.parquet', true, '2026-11-26 13:08:40.304105+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (37, 'main/bag/ducklake-01a217f8-ec42-7ebc-951b-cd861ae8b57f.parquet', true, '2026-11-26 13:08:40.30411+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (10, 'main/sale/at_year=2025/region=__HIVE_DEFAULT_PARTITION__/ducklake-01a217f8-e9f0-7437-b77e-1f1a65b514e1.parquet', true, '2026-11-26 13:08:40.337999+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (38, 'main/sale/at_year=2025/region=__HIVE_DEFAULT_PARTITION__/ducklake-01a217f8-f000-79ad-892c-77d9732836f6.parquet', true, '2026-11-26 13:08:40.338009+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (9, 'main/sale/at_year=2025/region=north/ducklake-01a217f8-e9e4-70a1-afd0-4c754f0452e4.parquet', true, '2026-11-26 13:08:40.363348+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (40, 'main/sale/at_year=2025/region=north/ducklake-01a217f8-f023-757d-98f7-094e404bed54.parquet', true, '2026-11-26 13:08:40.363359+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (12, 'main/sale/at_year=2026/region=north/ducklake-01a217f8-ea09-799b-b6ed-47a21a0e9368.parquet', true, '2026-11-26 13:08:40.391815+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (42, 'main/sale/at_year=2026/region=north/ducklake-01a217f8-f046-7071-ba7e-2b211fafe7c8.parquet', true, '2026-11-26 13:08:40.391825+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (11, 'main/sale/at_year=2026/region=it_s___south/ducklake-01a217f8-ea00-76e4-82fb-5d455e7c0564.parquet', true, '2026-11-26 13:08:40.408562+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (44, 'main/sale/at_year=2026/region=it_s___south/ducklake-01a217f8-f06a-761a-a975-c761c22386a4.parquet', true, '2026-11-26 13:08:40.408582+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (21, 'main/price/ducklake-01a217f8-ea30-769e-85f3-0010a0d2d30d.parquet', true, '2026-11-26 13:08:40.435682+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (30, 'main/price/ducklake-01a217f8-eb71-7814-a351-04654aa68398.parquet', true, '2026-11-26 13:08:40.435692+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (36, 'main/price/ducklake-01a217f8-ec3a-7b9e-b651-9ce9ec1f34a3.parquet', true, '2026-11-26 13:08:40.435697+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (50, 'main/price/ducklake-01a217f8-f0cd-7e99-b52b-5266677401b4.parquet', true, '2026-11-26 13:08:40.435701+00');
INSERT INTO lake.ducklake_files_scheduled_for_deletion VALUES (72, 'main/price/ducklake-01a217f8-f21e-7958-be73-c39aef24de49-delete.parquet', true, '2026-11-26 13:08:40.799018+00');
INSERT INTO lake.ducklake_metadata VALUES ('version', '1.0', NULL, NULL);
INSERT INTO lake.ducklake_metadata VALUES ('created_by', 'pg_trickle 0.1.0', NULL, NULL);
INSERT INTO lake.ducklake_metadata VALUES ('data_path', '@DATA_PATH@', NULL, NULL);
INSERT INTO lake.ducklake_metadata VALUES ('encrypted', 'false', NULL, NULL);
INSERT INTO lake.ducklake_metadata VALUES ('data_inlining_row_limit', '0', NULL, NULL);
INSERT INTO lake.ducklake_partition_column VALUES (4, 1, 0, 2, 'year');
INSERT INTO lake.ducklake_partition_column VALUES (4, 1, 1, 3, 'identity');
INSERT INTO lake.ducklake_partition_column VALUES (5, 1, 0, 1, 'bucket(4)');
INSERT INTO lake.ducklake_partition_info VALUES (4, 1, 2, 20);
INSERT INTO lake.ducklake_partition_info VALUES (5, 1, 20, NULL);
INSERT INTO lake.ducklake_schema VALUES (0, '862c0ecf-239c-4ca7-8186-d65be99a8cd1', 0, NULL, 'main', 'main/', true);
INSERT INTO lake.ducklake_schema_versions VALUES (1, 1, 1);
INSERT INTO lake.ducklake_schema_versions VALUES (1, 1, 2);
INSERT INTO lake.ducklake_schema_versions VALUES (1, 1, 3);
INSERT INTO lake.ducklake_schema_versions VALUES (2, 2, 1);
INSERT INTO lake.ducklake_schema_versions VALUES (20, 4, 1);
INSERT INTO lake.ducklake_schema_versions VALUES (21, 5, 1);
INSERT INTO lake.ducklake_snapshot VALUES (0, '2026-11-26 13:08:37.636509+00', 0, 1, 0);
INSERT INTO lake.ducklake_snapshot VALUES (1, '2026-11-26 13:08:37.997925+00', 1, 4, 0);
INSERT INTO lake.ducklake_snapshot VALUES (2, '2026-11-26 13:08:38.280358+00', 2, 5, 8);
INSERT INTO lake.ducklake_snapshot VALUES (3, '2026-11-26 13:08:38.721807+00', 2, 5, 24);
INSERT INTO lake.ducklake_snapshot VALUES (4, '2026-11-26 13:08:38.960482+00', 3, 5, 32);
INSERT INTO lake.ducklake_snapshot VALUES (5, '2026-11-26 13:08:39.126945+00', 3, 5, 38);
INSERT INTO lake.ducklake_snapshot VALUES (6, '2026-11-26 13:08:40.074998+00', 3, 5, 40);
INSERT INTO lake.ducklake_snapshot VALUES (7, '2026-11-26 13:08:40.114014+00', 3, 5, 42);
INSERT INTO lake.ducklake_snapshot VALUES (8, '2026-11-26 13:08:40.148365+00', 3, 5, 44);
INSERT INTO lake.ducklake_snapshot VALUES (9, '2026-11-26 13:08:40.183501+00', 3, 5, 46);
INSERT INTO lake.ducklake_snapshot VALUES (10, '2026-11-26 13:08:40.219946+00', 3, 5, 48);
INSERT INTO lake.ducklake_snapshot VALUES (11, '2026-11-26 13:08:40.251541+00', 3, 5, 50);
INSERT INTO lake.ducklake_snapshot VALUES (12, '2026-11-26 13:08:40.282064+00', 3, 5, 52);
INSERT INTO lake.ducklake_snapshot VALUES (13, '2026-11-26 13:08:40.302332+00', 3, 5, 54);
INSERT INTO lake.ducklake_snapshot VALUES (14, '2026-11-26 13:08:40.314686+00', 3, 5, 56);
INSERT INTO lake.ducklake_snapshot VALUES (15, '2026-11-26 13:08:40.334683+00', 3, 5, 58);
INSERT INTO lake.ducklake_snapshot VALUES (16, '2026-11-26 13:08:40.360395+00', 3, 5, 60);
INSERT INTO lake.ducklake_snapshot VALUES (17, '2026-11-26 13:08:40.383528+00', 3, 5, 62);
INSERT INTO lake.ducklake_snapshot VALUES (18, '2026-11-26 13:08:40.405444+00', 3, 5, 64);
INSERT INTO lake.ducklake_snapshot VALUES (19, '2026-11-26 13:08:40.431763+00', 3, 5, 66);
INSERT INTO lake.ducklake_snapshot VALUES (20, '2026-11-26 13:08:40.608724+00', 4, 6, 73);
INSERT INTO lake.ducklake_snapshot VALUES (21, '2026-11-26 13:08:40.791589+00', 5, 6, 79);
INSERT INTO lake.ducklake_snapshot VALUES (22, '2026-11-26 13:08:41.458306+00', 5, 6, 80);
INSERT INTO lake.ducklake_snapshot_changes VALUES (0, 'created_schema:"main"', NULL, NULL, NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (1, 'created_table:"main"."sale",created_table:"main"."price",created_table:"main"."bag"', 'pg_trickle', 'published 3 table(s)', '{"snapshot": "766:768:766", "moment": "2026-11-26 13:08:37.941697+00", "lsn": "0/21B5B10", "rows": {"sale": 0, "price": 0, "bag": 0}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (2, 'inserted_into_table:1,inserted_into_table:2,inserted_into_table:3,altered_table:1', 'pg_trickle', 'published 3 table(s)', '{"snapshot": "768:773:768", "moment": "2026-11-26 13:08:38.134452+00", "lsn": "0/21B9F68", "rows": {"sale": 30, "price": 10, "bag": 1}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (3, 'inserted_into_table:1,inserted_into_table:2,inserted_into_table:3,deleted_from_table:1,deleted_from_table:2', 'pg_trickle', 'published 3 table(s)', '{"snapshot": "785:785:", "moment": "2026-11-26 13:08:38.478037+00", "lsn": "0/21C1DF8", "rows": {"sale": 12, "price": 6, "bag": 2}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (4, 'inserted_into_table:1,inserted_into_table:2,deleted_from_table:1,deleted_from_table:2,altered_table:1', 'pg_trickle', 'published 2 table(s)', '{"snapshot": "805:805:", "moment": "2026-11-26 13:08:38.863085+00", "lsn": "0/21CAC88", "rows": {"sale": 8, "price": 1}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (5, 'inserted_into_table:2,inserted_into_table:3,deleted_from_table:1', 'pg_trickle', 'published 3 table(s)', '{"snapshot": "817:817:", "moment": "2026-11-26 13:08:39.08569+00", "lsn": "0/21CF688", "rows": {"sale": 5, "price": 1, "bag": 2}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (6, 'rewrite_delete:1', 'pg_trickle', 'upkeep: 1 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (7, 'rewrite_delete:1', 'pg_trickle', 'upkeep: 1 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (8, 'rewrite_delete:1', 'pg_trickle', 'upkeep: 1 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (9, 'rewrite_delete:1', 'pg_trickle', 'upkeep: 1 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (10, 'rewrite_delete:1', 'pg_trickle', 'upkeep: 1 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (11, 'rewrite_delete:1', 'pg_trickle', 'upkeep: 1 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (12, 'rewrite_delete:2', 'pg_trickle', 'upkeep: 2 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (13, 'merge_adjacent:3', 'pg_trickle', 'upkeep: 3 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (14, 'rewrite_delete:1', 'pg_trickle', 'upkeep: 2 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (15, 'merge_adjacent:1', 'pg_trickle', 'upkeep: 2 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (16, 'merge_adjacent:1', 'pg_trickle', 'upkeep: 2 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (17, 'merge_adjacent:1', 'pg_trickle', 'upkeep: 2 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (18, 'merge_adjacent:1', 'pg_trickle', 'upkeep: 2 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (19, 'merge_adjacent:2', 'pg_trickle', 'upkeep: 4 file(s) became one', NULL);
INSERT INTO lake.ducklake_snapshot_changes VALUES (20, 'inserted_into_table:1,inserted_into_table:2,deleted_from_table:1,deleted_from_table:2,altered_table:1', 'pg_trickle', 'published 2 table(s)', '{"snapshot": "871:871:", "moment": "2026-11-26 13:08:40.549859+00", "lsn": "0/21E3030", "rows": {"sale": 35, "price": 4}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (21, 'inserted_into_table:1,inserted_into_table:2,deleted_from_table:1,deleted_from_table:2,altered_table:1', 'pg_trickle', 'published 2 table(s)', '{"snapshot": "885:885:", "moment": "2026-11-26 13:08:40.750068+00", "lsn": "0/21EEB18", "rows": {"sale": 4, "price": 1}}');
INSERT INTO lake.ducklake_snapshot_changes VALUES (22, 'inserted_into_table:3', NULL, NULL, NULL);
INSERT INTO lake.ducklake_table VALUES (1, 'cf75ced1-0821-475b-ab15-4e7d30e77532', 1, NULL, 0, 'sale', 'sale/', true);
INSERT INTO lake.ducklake_table VALUES (2, '70d61cad-be4f-4219-9a33-13f6fb38e3d5', 1, NULL, 0, 'price', 'price/', true);
INSERT INTO lake.ducklake_table VALUES (3, '7e7a557f-f384-4c53-afd4-416dddc04309', 1, NULL, 0, 'bag', 'bag/', true);
INSERT INTO lake.ducklake_table_column_stats VALUES (1, 1, false, NULL, '1', '59', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (1, 2, true, NULL, '2025-01-30 00:00:00+00', '2026-09-02 00:00:00+00', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (1, 4, false, NULL, '1.00', '99.00', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (2, 1, false, NULL, '2026-11-26 13:08:38.134452+00', '2026-11-26 13:08:40.750068+00', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (2, 2, true, NULL, '2026-11-26 13:08:38.478037+00', '2026-11-26 13:08:40.750068+00', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (2, 3, false, NULL, '2', '21', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (2, 4, true, NULL, '3', '21', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (2, 5, false, NULL, '1', '10', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (2, 6, false, NULL, '0.00', '10.00', NULL);
INSERT INTO lake.ducklake_table_column_stats VALUES (3, 1, false, NULL, '1', '77', NULL);
INSERT INTO lake.ducklake_table_stats VALUES (1, 62, 65, 17758);
INSERT INTO lake.ducklake_table_stats VALUES (2, 29, 17, 10791);
INSERT INTO lake.ducklake_table_stats VALUES (3, 5, 5, 1509);
INSERT INTO lake.ducklake_tag VALUES (1, 1, 4, 'comment', 'it''s "ours": ☃');
INSERT INTO lake.ducklake_tag VALUES (1, 4, NULL, 'comment', 'changed');
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
