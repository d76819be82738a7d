// Pure: no I/O, no clock, no randomness.

import {
  about,
  body,
  databaseUrl,
  hook,
  type PlannedProducer,
  program,
  yours,
} from './producer.ts';

/** With JDBC alone. Its addresses are not those of other drivers. */
export function jdbcProducer({ isMaven }: { readonly isMaven: boolean }): PlannedProducer {
  const path = 'src/main/java/webhooks/FirstWebhook.java';
  const text = `// ${about}
package webhooks;

import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

public final class FirstWebhook {
    public static void main(String[] arguments) throws SQLException {
        URI address = URI.create(setting("DATABASE_URL", "${databaseUrl}"));
        String[] login = (address.getUserInfo() == null ? "" : address.getUserInfo()).split(":", 2);
        String query = address.getQuery() == null ? "" : "?" + address.getQuery();
        String host = address.getAuthority().replaceFirst(".*@", "");
        String url = "jdbc:postgresql://" + host + address.getPath() + query;
        try (Connection connection = DriverManager.getConnection(url, login[0], login.length > 1 ? login[1] : "")) {
            connection.setAutoCommit(false);
            // ${yours}
            String id = enqueue(connection, setting("WEBHOOK_URL", "${hook}"), "${body.replaceAll('"', '\\"')}");
            connection.commit();
            System.out.println("Webhook " + id + " is on its way: npx posthorn show " + id);
        }
    }

    static String enqueue(Connection connection, String url, String body) throws SQLException {
        String sql = "select posthorn.enqueue(url => ?, body => ?)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, url);
            statement.setString(2, body);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }

    private static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }
}
`;
  const command = isMaven
    ? 'mvn -q compile exec:java -Dexec.mainClass=webhooks.FirstWebhook'
    : './gradlew run   # with mainClass = "webhooks.FirstWebhook"';
  return program(path, text, command);
}

/** With Spring Data and Hibernate. `home`: the package and the folder of the application's own class. */
export function jpaProducer({
  isMaven,
  home,
}: {
  readonly isMaven: boolean;
  readonly home: { readonly package: string; readonly folder: string } | undefined;
}): PlannedProducer {
  const { package: name, folder } = home ?? {
    package: 'webhooks',
    folder: 'src/main/java/webhooks',
  };
  const text = `// ${about}
package ${name};

import jakarta.persistence.EntityManager;
import java.util.UUID;
import org.springframework.boot.CommandLineRunner;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Component;
import org.springframework.transaction.annotation.Transactional;

@Component
@Profile("first-webhook")
public class FirstWebhook implements CommandLineRunner {
    private final EntityManager entities;

    public FirstWebhook(EntityManager entities) {
        this.entities = entities;
    }

    @Override
    @Transactional
    public void run(String... arguments) {
        // ${yours}
        String url = System.getenv().getOrDefault("WEBHOOK_URL", "${hook}");
        UUID id = enqueue(url, "${body.replaceAll('"', '\\"')}");
        System.out.println("Webhook " + id + " is on its way: npx posthorn show " + id);
    }

    private UUID enqueue(String url, String body) {
        return (UUID) entities
                .createNativeQuery("select posthorn.enqueue(url => :url, body => :body)", UUID.class)
                .setParameter("url", url)
                .setParameter("body", body)
                .getSingleResult();
    }
}
`;
  const command = isMaven
    ? 'mvn spring-boot:run -Dspring-boot.run.profiles=first-webhook'
    : "./gradlew bootRun --args='--spring.profiles.active=first-webhook'";
  return program(`${folder}/FirstWebhook.java`, text, command);
}
