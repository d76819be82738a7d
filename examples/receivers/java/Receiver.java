import com.standardwebhooks.Webhook;
import com.standardwebhooks.exceptions.WebhookVerificationException;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

/** Receives webhooks, and answers 401 to those that Posthorn did not send. */
public final class Receiver {
  /** No body that Posthorn sends is longer. */
  private static final int MAX_BYTES = 1024 * 1024;

  private final Webhook webhook;

  private Receiver(String secret) throws Exception {
    webhook = new Webhook(secret);
  }

  public static void main(String[] args) throws Exception {
    Receiver receiver = new Receiver(System.getenv("WEBHOOK_SECRET"));
    int port = Integer.parseInt(System.getenv("PORT"));
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext("/hooks", receiver::receive);
    server.start();
  }

  private void receive(HttpExchange exchange) throws IOException {
    try (exchange) {
      exchange.sendResponseHeaders(answer(exchange), -1);
    }
  }

  private int answer(HttpExchange exchange) throws IOException {
    // The body as it came: what is signed is the bytes, not the JSON.
    byte[] body = exchange.getRequestBody().readNBytes(MAX_BYTES + 1);
    if (body.length > MAX_BYTES) return 413;
    String payload = new String(body, StandardCharsets.UTF_8);
    try {
      webhook.verify(payload, HttpHeaders.of(exchange.getRequestHeaders(), (name, value) -> true));
    } catch (WebhookVerificationException error) {
      return 401;
    }
    // Drop duplicates by the header webhook-id, in the transaction that does the work.
    System.out.println("received " + exchange.getRequestHeaders().getFirst("webhook-id"));
    return 204;
  }
}
