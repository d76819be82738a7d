package springdata;

import java.util.Map;
import java.util.UUID;
import org.springframework.data.jpa.repository.Modifying;
import org.springframework.data.jpa.repository.Query;
import org.springframework.data.repository.Repository;
import org.springframework.data.repository.query.Param;

/** Only what an insert-only view can do. */
interface Webhooks extends Repository<Webhook, UUID> {
  Webhook save(Webhook webhook);

  @Modifying
  @Query("""
      insert into Webhook (url, body, idempotencyKey)
      values (:url, :body, :idempotencyKey)
      on conflict do nothing
      """)
  void insertOrIgnore(
      @Param("url") String url,
      @Param("body") Map<String, Object> body,
      @Param("idempotencyKey") String idempotencyKey);
}
