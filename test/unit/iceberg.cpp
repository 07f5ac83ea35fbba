// Iceberg's files to the byte: how a manifest is written, and in what form bounds are.  That its readers understand
// them is seen in test/e2e/test_iceberg.py.
#include "../../lake/avro.h"
#include "../../lake/manifest.h"
#include "../../lake/partition.h"

#include <gtest/gtest.h>

using namespace lake;

TEST(Avro, IntegersAreZigzagVarints)
{
	EXPECT_EQ(AvroRecord().integer(0).bytes(), std::string(1, '\0'));
	EXPECT_EQ(AvroRecord().integer(-1).integer(1).integer(-64).integer(64).bytes(), "\x01\x02\x7f\x80\x01");
	EXPECT_EQ(AvroRecord().integer(INT64_MIN).bytes(), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	EXPECT_EQ(AvroRecord().integer(INT64_MAX).bytes(), "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(Avro, TextUnionsAndArrays)
{
	EXPECT_EQ(AvroRecord().text("foo").flag(true).bytes(), "\x06" "foo\x01");
	EXPECT_EQ(AvroRecord().none().some().integer(2).bytes(), std::string("\x00\x02\x04", 3));
	EXPECT_EQ(AvroRecord().begin_array(2).integer(3).integer(27).end_array(2).bytes(), std::string("\x04\x06\x36\x00", 4));
	EXPECT_EQ(AvroRecord().begin_array(0).end_array(0).bytes(), std::string(1, '\0'));
}

TEST(Avro, AFileIsHeaderAndOneBlock)
{
	const std::string sync(16, 's');
	EXPECT_EQ(avro_file("\"int\"", {}, {}, sync), std::string("Obj\x01\x04\x16" "avro.schema\x0a\"int\"\x14" "avro.codec\x08null\0", 40) + sync);
	const std::string file = avro_file("\"int\"", {}, {AvroRecord().integer(1), AvroRecord().integer(2)}, sync);
	EXPECT_EQ(file.substr(40 + 16), "\x04\x04\x02\x04" + sync);
}

TEST(Manifest, CountsWhatIsInIt)
{
	Manifest m{"m", 0, false, 7};
	const std::string file = manifest_file(m, {{ManifestEntry::added, 7, 7, "a", 10, 100, {}, {}}, {ManifestEntry::existing, 3, 3, "b", 20, 100, {}, {}},
	                                           {ManifestEntry::deleted, 7, 2, "c", 30, 100, {}, {}}}, {}, "{}", 1, std::string(16, 's'));
	EXPECT_EQ(m.bytes, static_cast<int64_t>(file.size()));
	EXPECT_EQ(m.min_sequence, 3);  // of what is there, so not 2
	EXPECT_EQ(m.files[ManifestEntry::added], 1);
	EXPECT_EQ(m.rows[ManifestEntry::existing], 20);
	EXPECT_EQ(m.rows[ManifestEntry::deleted], 30);
}

TEST(IcebergBounds, Numbers)
{
	EXPECT_EQ(iceberg_bound("int16", "-2", false), std::string("\xfe\xff\xff\xff"));
	EXPECT_EQ(iceberg_bound("int64", "1", false), std::string("\1\0\0\0\0\0\0\0", 8));
	EXPECT_EQ(iceberg_bound("boolean", "1", true), std::string("\1"));
	EXPECT_EQ(iceberg_bound("int32", "x", true), std::nullopt);
	EXPECT_EQ(iceberg_bound("decimal(10,2)", "1.28", true), std::string("\0\x80", 2));
	EXPECT_EQ(iceberg_bound("decimal(10,2)", "-1.28", true), std::string("\x80"));
	EXPECT_EQ(iceberg_bound("decimal(10,2)", "0.00", true), std::string(1, '\0'));
	EXPECT_EQ(iceberg_bound("decimal(10,2)", "-0.01", true), std::string("\xff"));
	EXPECT_EQ(iceberg_bound("decimal(10,2)", "3", true), std::string("\x01\x2c"));
}

TEST(IcebergBounds, ZeroesLieBetweenTheirBounds)
{
	for (const char *zero : {"0.0", "-0.0"}) {
		EXPECT_EQ(iceberg_bound("float64", zero, false), std::string("\0\0\0\0\0\0\0\x80", 8));
		EXPECT_EQ(iceberg_bound("float64", zero, true), std::string(8, '\0'));
	}
	EXPECT_EQ(iceberg_bound("float32", "1.5", false), std::string("\0\0\xc0\x3f", 4));
	EXPECT_EQ(iceberg_bound("float64", "-inf", false), std::string("\0\0\0\0\0\0\xf0\xff", 8));
	EXPECT_EQ(iceberg_bound("float64", "nan", false), std::nullopt);
}

TEST(IcebergBounds, Times)
{
	EXPECT_EQ(iceberg_bound("date", "1969-12-31", false), std::string("\xff\xff\xff\xff"));
	EXPECT_EQ(iceberg_bound("date", "2024-02-29", false), std::string("\x46\x4d\0\0", 4));  // 19782
	EXPECT_EQ(iceberg_bound("date", "0001-01-01", false), std::string("\xc6\x06\xf5\xff", 4));  // -719162
	EXPECT_EQ(iceberg_bound("date", "10000-01-01", false), std::nullopt);
	EXPECT_EQ(iceberg_bound("timestamp", "1969-12-31 23:59:59.999999", false), std::string(8, '\xff'));
	EXPECT_EQ(iceberg_bound("timestamptz", "1970-01-01 00:00:01.5+00", false), std::string("\x60\xe3\x16\0\0\0\0\0", 8));
	EXPECT_EQ(iceberg_bound("timestamptz", "1970-01-01 00:00:01.5+02", false), std::nullopt);
	EXPECT_EQ(iceberg_bound("time", "00:00:00.000001", false), std::string("\1\0\0\0\0\0\0\0", 8));
}

TEST(IcebergBounds, NoneWhereReadersDisagree)
{
	EXPECT_EQ(iceberg_bound("uuid", "80000000-0000-0000-0000-000000000000", false), std::nullopt);
	EXPECT_EQ(iceberg_bound("json", "{}", false), std::nullopt);
	EXPECT_EQ(iceberg_bound("varchar", "ß", false), "ß");
}

namespace {

std::optional<PartitionValue> of(const std::string &transform, const std::string &type, const PartitionValue &value, const PartitionValue &min, const PartitionValue &max)
{
	return partition_value({transform, type, value, 2, 0, min, max});
}

const std::optional<PartitionValue> untold;

}  // namespace

TEST(IcebergPartitions, TimesCountFrom1970)
{
	EXPECT_EQ(of("year", "date", "2024", "2024-01-01", "2024-12-31"), PartitionValue("54"));
	EXPECT_EQ(of("year", "timestamp", "1969", "1969-01-01 00:00:00", "1969-12-31 23:59:59.999999"), PartitionValue("-1"));
	EXPECT_EQ(of("month", "date", "11", "1969-11-01", "1969-11-30"), PartitionValue("-2"));
	EXPECT_EQ(of("day", "timestamptz", "31", "1969-12-31 00:00:00+00", "1969-12-31 23:59:59.999999+00"), PartitionValue("-1"));
	EXPECT_EQ(of("hour", "timestamp", "23", "1969-12-31 23:00:00", "1969-12-31 23:59:59.999999"), PartitionValue("-1"));
	EXPECT_EQ(of("hour", "timestamp", "0", "0001-01-01 00:00:00", "0001-01-01 00:00:01"), PartitionValue("-17259888"));
}

TEST(IcebergPartitions, WhatBoundsDoNotConfirmIsNotTold)
{
	EXPECT_EQ(of("month", "date", "11", "1969-11-01", "1970-11-01"), untold);
	EXPECT_EQ(of("day", "date", "1", "2024-01-01", "2024-02-01"), untold);
	EXPECT_EQ(of("year", "date", "2024", PartitionValue(), PartitionValue()), untold);
	EXPECT_EQ(of("year", "date", "10000", "10000-01-01", "10000-01-01"), untold);
	EXPECT_EQ(of("identity", "varchar", "ab", "ab", "abc"), untold);
	EXPECT_EQ(of("identity", "int32", "7", "7", "8"), untold);
	EXPECT_EQ(of("identity", "int32", "8", "7", "7"), untold);
	EXPECT_EQ(partition_value({"year", "date", "2024", 1, 1, "2024-01-01", "2024-01-01"}), untold) << "some are NULL";
	EXPECT_EQ(partition_value({"year", "timestamp", PartitionValue(), 1, 0, PartitionValue(), PartitionValue()}), untold) << "infinity has no year";
	EXPECT_EQ(partition_value({"year", "date", PartitionValue(), 0, 2, PartitionValue(), PartitionValue()}), std::optional<PartitionValue>(PartitionValue())) << "all are NULL";
}

TEST(IcebergPartitions, ValuesByThemselvesAndBuckets)
{
	EXPECT_EQ(of("identity", "boolean", "true", "1", "1"), PartitionValue("1"));
	EXPECT_EQ(of("identity", "boolean", "false", "false", "false"), PartitionValue("0"));
	EXPECT_EQ(of("identity", "int64", "-9223372036854775808", "-9223372036854775808", "-9223372036854775808"), PartitionValue("-9223372036854775808"));
	EXPECT_EQ(of("identity", "date", "1970-01-02", "1970-01-02", "1970-01-02"), PartitionValue("1"));
	EXPECT_EQ(of("identity", "varchar", "", "", ""), PartitionValue(""));
	EXPECT_EQ(of("bucket[4]", "blob", "3", PartitionValue(), PartitionValue()), PartitionValue("3"));
	EXPECT_EQ(partition_type("day", "timestamp"), "date");
	EXPECT_EQ(partition_type("identity", "uuid"), std::nullopt);
	EXPECT_EQ(partition_type("bucket[4]", "uuid"), std::nullopt);
	EXPECT_EQ(partition_type("year", "varchar"), std::nullopt);
}
