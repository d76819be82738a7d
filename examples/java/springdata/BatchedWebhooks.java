package springdata;

import java.util.UUID;
import org.springframework.data.repository.Repository;

interface BatchedWebhooks extends Repository<BatchedWebhook, UUID> {
  Iterable<BatchedWebhook> saveAll(Iterable<BatchedWebhook> webhooks);
}
