package checks;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;

/** DATABASE_URL in JDBC's form. */
public record Database(String url, String user, String password) {
  public static Database fromEnvironment() {
    URI uri = URI.create(System.getenv("DATABASE_URL"));
    String[] login = uri.getRawUserInfo().split(":", 2);
    // prepareThreshold=0: for PgBouncer in transaction mode.
    // logServerErrorDetail=false: else the error of a batch shows the values of the failed row, secrets included.
    String url = "jdbc:postgresql://%s:%d%s?prepareThreshold=0&logServerErrorDetail=false"
        .formatted(uri.getHost(), uri.getPort() < 0 ? 5432 : uri.getPort(), uri.getPath());
    return new Database(url, decoded(login[0]), login.length > 1 ? decoded(login[1]) : "");
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
  }
}
