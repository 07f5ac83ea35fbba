// Trino behind a pipe, for tests and the demo: the questions and answers of spark.py.
//
// An embedded runner of one process: java --add-modules=jdk.incubator.vector -cp 'PART/*' Trino.java
import com.fasterxml.jackson.databind.ObjectMapper;
import io.trino.Session;
import io.trino.spi.type.ArrayType;
import io.trino.spi.type.MapType;
import io.trino.spi.type.RowType;
import io.trino.spi.type.Type;
import io.trino.testing.DistributedQueryRunner;
import io.trino.testing.MaterializedResult;
import io.trino.testing.MaterializedRow;
import io.trino.testing.QueryRunner;
import io.trino.testing.TestingSession;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;

public class Trino {
    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);  // Trino logs to what is no longer the pipe
        ObjectMapper json = new ObjectMapper();
        Session session = TestingSession.testSessionBuilder().setTimeZoneKey(io.trino.spi.type.TimeZoneKey.UTC_KEY).build();
        QueryRunner runner = DistributedQueryRunner.builder(session).setWorkerCount(0).build();
        runner.installPlugin(new io.trino.plugin.iceberg.IcebergPlugin());
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = questions.readLine()) != null; ) {
            Map<String, Object> said;
            try {
                said = answer(runner, session, json.readValue(line, Map.class));
            } catch (Throwable error) {
                var causes = new StringBuilder(String.valueOf(error.getMessage()));
                for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
                    causes.append(": ").append(cause);
                }
                error.printStackTrace();
                said = Map.of("error", causes.toString());
            }
            answers.println(json.writeValueAsString(said));
        }
        Runtime.getRuntime().halt(0);  // nothing of it outlives the pipe, and closing takes longer than it lived
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> answer(QueryRunner runner, Session session, Map<String, Object> question) {
        if (question.containsKey("catalog")) {
            runner.createCatalog((String) question.get("catalog"), "iceberg", (Map<String, String>) question.get("properties"));
            return Map.of();
        }
        if (!question.containsKey("sql"))
            return Map.of("version", "483");
        MaterializedResult result = runner.execute(session, (String) question.get("sql"));
        List<List<Object>> rows = new ArrayList<>();
        for (MaterializedRow row : result.getMaterializedRows())
            rows.add(tagged(row.getFields(), result.getTypes()));
        return Map.of("rows", rows);
    }

    static List<Object> tagged(List<?> values, List<Type> types) {
        List<Object> all = new ArrayList<>();
        for (int i = 0; i < types.size(); i++)
            all.add(tagged(values.get(i), types.get(i)));
        return all;
    }

    static Object tagged(Object value, Type type) {
        return switch (type) {
            case Type any when value == null -> null;
            case ArrayType array -> tagged((List<?>) value, Collections.nCopies(((List<?>) value).size(), array.getElementType()));
            case MapType map -> Map.of("map", ((Map<?, ?>) value).entrySet().stream()
                    .map(entry -> tagged(Arrays.asList(entry.getKey(), entry.getValue()), List.of(map.getKeyType(), map.getValueType()))).toList());
            case RowType row -> {
                List<Object> values = tagged(value instanceof MaterializedRow fields ? fields.getFields() : (List<?>) value, row.getFieldTypes());
                List<Object> named = new ArrayList<>();
                for (int i = 0; i < values.size(); i++)
                    named.add(Arrays.asList(row.getFields().get(i).getName().orElse(null), values.get(i)));
                yield Map.of("struct", named);
            }
            default -> tagged(value);
        };
    }

    static Object tagged(Object value) {
        return switch (value) {
            case Float number -> Map.of("float", number.isNaN() ? "nan" : number.isInfinite() ? (number > 0 ? "inf" : "-inf") : Double.toString(number));
            case Double number -> Map.of("float", number.isNaN() ? "nan" : number.isInfinite() ? (number > 0 ? "inf" : "-inf") : number.toString());
            case BigDecimal number -> Map.of("decimal", number.toPlainString());
            case byte[] bytes -> Map.of("binary", HexFormat.of().formatHex(bytes));
            case UUID uuid -> Map.of("uuid", uuid.toString());
            case LocalDate date -> Map.of("date", date.toEpochDay());
            case LocalTime time -> Map.of("time", time.toNanoOfDay() / 1000);
            case LocalDateTime time -> Map.of("timestamp", micros(time.toInstant(ZoneOffset.UTC)));
            case ZonedDateTime time -> Map.of("timestamp", micros(time.toInstant()));
            case Boolean flag -> flag;
            case Number number -> number;
            default -> value.toString();
        };
    }

    static long micros(Instant instant) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, instant);
    }
}
