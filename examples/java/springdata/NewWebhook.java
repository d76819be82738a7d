package springdata;

import jakarta.persistence.Column;
import jakarta.persistence.MappedSuperclass;
import java.util.Map;
import org.hibernate.annotations.JdbcTypeCode;
import org.hibernate.type.SqlTypes;

/** What a webhook is made of. Null means the default. */
@MappedSuperclass
abstract class NewWebhook {
  String url;

  @JdbcTypeCode(SqlTypes.JSON)
  @Column(columnDefinition = "text")
  Map<String, Object> body;

  @JdbcTypeCode(SqlTypes.JSON)
  Map<String, String> headers;

  String secret;

  @Column(name = "idempotency_key")
  String idempotencyKey;

  protected NewWebhook() {}

  NewWebhook(String url, Map<String, Object> body) {
    this.url = url;
    this.body = body;
  }
}
